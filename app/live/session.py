"""What window and headless runs of the demo share: prediction, drawing, recording, counting."""

import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...trainers.errors import UsageError
from ..predictor import Predictor, resolve_threshold
from ..reports import made
from ..results import Result
from ..show.pictures import free_path, write_picture
from ..show.threshold import Threshold
from .frames import Frame, FrameSource
from .options import DemoOptions
from .recording import Recording


@dataclass
class DemoSummary:
    """What a run of the demo did.

    Attributes:
        frames: frames or pictures predicted.
        seconds: from the first read to the last write, without pauses.
        latencies: milliseconds from a frame in hand to its picture drawn, one per frame.
        threshold: the last one used.
        view: the last one shown.
        files: what was written.
        notes: what the user may have expected and did not get.
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
        things: list[Path | str] = list(self.files)
        if len(things) > 6:
            counts = Counter(path.parent for path in self.files)
            things = [f"{folder} ({count} files)" for folder, count in sorted(counts.items())]
        return [*lines, made(things)] if things else lines


class Demo:
    """The state of one run: options, source and predictor, the view and threshold of now, what was done.

    Raises:
        UsageError: the view is one of another task, or the threshold is out of range.
    """

    def __init__(self, options: DemoOptions, source: FrameSource, predictor: Predictor):
        self.options = options
        self.source = source
        self.predictor = predictor
        self.task = predictor.task
        self.view: str = options.view or self.views[0]
        if self.view not in self.views:
            raise UsageError(
                f"expected --view as one of {', '.join(self.views)} for a {self.task.name} model, got {self.view}"
            )
        self.threshold = resolve_threshold(options.threshold, predictor)
        self.summary = DemoSummary(threshold=self.threshold, view=self.view)
        self.recording: Recording | None = None
        self._record_since = 0.0
        if options.record is not None:
            self.start_recording(options.record)

    @property
    def views(self) -> list[str]:
        """The views of the model's task, in the order of the keys."""
        return list(self.task.result.views)

    @property
    def wanted(self) -> bool:
        """Whether `--frames` asks for more."""
        return self.options.frames is None or self.summary.frames < self.options.frames

    def predict(self, frame: Frame, size: tuple[int, int] | None = None) -> tuple[Result, np.ndarray]:
        """Predict a frame; gives the result and the view drawn, in the frame's size or in another (height, width)."""
        start = time.perf_counter()
        result = self.predictor(frame.image)
        picture = self.draw(result, size)
        self.summary.latencies.append(1e3 * (time.perf_counter() - start))
        self.summary.frames += 1
        return result, picture

    def draw(self, result: Result, size: tuple[int, int] | None = None) -> np.ndarray:
        """Draw the current view at the current threshold, in the picture's size or in another."""
        return result.at(self.threshold).resized(size or result.size).draw(self.view)

    def keep(self, path: Path, picture: np.ndarray) -> None:
        """Write a drawn picture."""
        self.summary.files.append(write_picture(path, picture))

    def snapshot(self, result: Result) -> Path:
        """Write the current view in the picture's own size, without the text: some have transparency."""
        path = free_path(self.options.out, f"snapshot-{self.view}", ".png")
        self.summary.files.append(result.at(self.threshold).save(path, self.view))
        return path

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
