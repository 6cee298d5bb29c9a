"""What window and headless runs of the demo share: prediction, drawing, recording, counting."""

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...trainers.data.images import resize_image
from ...trainers.errors import UsageError
from ..predictor import Predictor, resolve_threshold
from ..reports import made
from ..show.threshold import Threshold
from .options import DemoOptions
from .recording import Recording
from .video import Frame, FrameSource


@dataclass
class DemoSummary:
    """What a run of the demo did.

    Attributes:
        frames: Frames or pictures predicted.
        seconds: From the first read to the last write, without pauses.
        latencies: Milliseconds from a frame in hand to its picture drawn, one per frame.
        threshold: The last one used.
        view: The last one shown.
        files: What was written.
        notes: What the user may have expected and did not get.
    """

    frames: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    threshold: Threshold = field(default_factory=lambda: Threshold(0.5, "default"))
    view: str = ""
    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def fps(self) -> float:
        """Frames per second from end to end."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0

    @property
    def latency_median(self) -> float:
        """Median latency in milliseconds."""
        return float(np.median(self.latencies)) if self.latencies else 0.0

    @property
    def latency_p95(self) -> float:
        """Latency in milliseconds that 95 % of the frames stay below."""
        return float(np.percentile(self.latencies, 95)) if self.latencies else 0.0

    def lines(self) -> list[str]:
        """Say it: one line of figures, the notes, one line per file made (a folder where they are many)."""
        lines = list(self.notes)
        if self.frames:
            figures = (
                f"{self.frames} frames, {self.fps:.1f} FPS end to end, latency {self.latency_median:.1f} ms median, "
                f"{self.latency_p95:.1f} ms p95, {self.threshold.explained}"
            )
            lines.insert(0, figures)
        things = self.files
        if len(things) > 6:
            counts = Counter(path.parent for path in things)
            things = [f"{folder} ({count} files)" for folder, count in sorted(counts.items())]
        return [*lines, made(things)] if things else lines


class Demo:
    """The state of one run.

    Args:
        options: What the user asked for.
        source: Where frames come from.
        predictor: Finds what is in them.

    Raises:
        UsageError: If the view is one of another task, or the threshold is out of range.
    """

    def __init__(self, options: DemoOptions, source: FrameSource, predictor: Predictor):
        self.options = options
        self.source = source
        self.predictor = predictor
        self.task = predictor.task
        self.view = options.view or next(iter(self.task.views))
        if self.view not in self.task.views:
            raise UsageError(
                f"expected --view as one of {', '.join(self.task.views)} for a {self.task.name} model, got {self.view}"
            )
        self.threshold = resolve_threshold(options.threshold, predictor)
        self.summary = DemoSummary(threshold=self.threshold, view=self.view)
        self.recording: Recording | None = None
        self._record_since = 0.0
        if options.record is not None:
            self.start_recording(options.record)

    @property
    def wanted(self) -> bool:
        """Whether `--frames` asks for more."""
        return self.options.frames is None or self.summary.frames < self.options.frames

    def predict(self, frame: Frame, size: tuple[int, int] | None = None):
        """Predict one frame and draw it.

        Args:
            frame: The frame.
            size: (height, width) of the drawn picture; the frame's own when None.

        Returns:
            The predictor's result for the frame, and the picture, uint8 [height, width, 3].
        """
        start = time.perf_counter()
        result = self.predictor(frame.image)
        picture = self.draw(frame.image, result, size)
        self.summary.latencies.append(1e3 * (time.perf_counter() - start))
        self.summary.frames += 1
        return result, picture

    def draw(self, image: np.ndarray, result, size: tuple[int, int] | None = None) -> np.ndarray:
        """Draw the current view in the image's size or in another."""
        if size is not None:
            image, result = resize_image(image, size), self.task.resize(result, image.shape[:2], size)
        return self.task.views[self.view](image, result, self.threshold.levels)

    def snapshot(self, image: np.ndarray, result) -> np.ndarray:
        """Draw what a file gets of the current view, in the image's size: some have transparency."""
        draw = self.task.snapshots.get(self.view) or self.task.views[self.view]
        return draw(image, result, self.threshold.levels)

    def start_recording(self, path: Path) -> None:
        """Begin a recording; the frames of a camera keep their pace."""
        source = Path(self.source.name)
        if source.exists() and Path(path).exists() and source.samefile(path):
            raise UsageError(f"expected another file to record into, {path} is the source itself")
        self.recording = Recording(path, self.source.fps)

    def record(self, picture: np.ndarray, running: float) -> None:
        """Add a picture to the recording, if there is one; `running` counts seconds without pauses."""
        if self.recording is not None:
            if self.recording.frames == 0:
                self._record_since = running
            self.recording.write(picture, running - self._record_since if self.source.live else None)

    def stop_recording(self) -> Path | None:
        """Finish the recording, if there is one."""
        recording, self.recording = self.recording, None
        path = recording.close() if recording is not None else None
        if path is not None:
            self.summary.files.append(path)
        elif recording is not None:
            self.summary.notes.append(f"nothing was recorded into {recording.path}: no frame was drawn meanwhile")
        return path
