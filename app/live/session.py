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
from ..show.pictures import free_path
from ..show.threshold import Threshold
from .clip_predictor import ClipPredictor
from .frames import Frame, FrameSource
from .latency import Latencies
from .options import DemoOptions
from .recording import Recording


@dataclass
class DemoSummary:
    """What a run of the demo did."""

    threshold: Threshold  # the last one used
    view: str  # the last one shown
    file: str  # of the model
    frames: int = 0
    seconds: float = 0.0  # from the first read to the last write, without pauses
    latencies: Latencies = field(default_factory=Latencies)  # from a frame in hand to its picture drawn
    files: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)  # what the user may have expected and did not get

    @property
    def latency_median(self) -> float:
        """Median latency in milliseconds, within 0.5 %."""
        return self.latencies.quantile(0.5)

    @property
    def latency_p95(self) -> float:
        """Latency in milliseconds that 95 % of the frames stay below, within 0.5 %."""
        return self.latencies.quantile(0.95)

    def lines(self) -> list[str]:
        """Say it: one line of figures, the notes, one line per file made (a folder where they are many)."""
        lines = list(self.notes)
        if self.frames:
            fps = self.frames / self.seconds if self.seconds > 0 else 0.0
            latency = f"latency {self.latency_median:.1f} ms median, {self.latency_p95:.1f} ms p95"
            speed = f"{self.frames} frames, {fps:.1f} FPS end to end with {self.file}"
            lines.insert(0, f"{speed}, {latency}, {self.threshold.explained}")
        things: list[Path | str] = list(self.files)
        if len(things) > 6:
            counts = Counter(path.parent for path in self.files)
            things = [f"{folder} ({count} files)" for folder, count in sorted(counts.items())]
        return [*lines, made(things)] if things else lines


class Demo:
    """The state of one run: options, source and predictor, the view and threshold of now, what was done."""

    def __init__(self, options: DemoOptions, source: FrameSource, predictor: Predictor):
        self.options, self.source, self.predictor, self.task = options, source, predictor, predictor.task
        self.views = list(self.task.result.views)  # in the order of the keys
        self.view: str = options.view or self.views[0]
        if self.view not in self.views:
            raise UsageError(
                f"expected --view as one of {', '.join(self.views)} for a {self.task.name} model, got {self.view}"
            )
        if options.smooth and source.stepped:
            raise UsageError(
                f"--smooth is of videos and cameras, {source.name} is shown picture by picture: leave it out"
            )
        self._find = ClipPredictor(predictor, options.smooth)
        self.threshold = resolve_threshold(options.threshold, predictor)
        self.objects = options.objects  # whether they are framed
        self.summary = DemoSummary(self.threshold, self.view, predictor.file)
        self.recording: Recording | None = None
        self._record_since = 0.0
        if options.record is not None:
            self.start_recording(options.record)

    @property
    def wanted(self) -> bool:
        """Whether `--frames` asks for more."""
        return self.options.frames is None or self.summary.frames < self.options.frames

    def predict(self, frame: Frame, size: tuple[int, int] | None = None) -> tuple[Result, np.ndarray]:
        """Predict a frame; gives the result and the view drawn, in the frame's size or in another (height, width)."""
        start = time.perf_counter()
        result = self._find(frame.image, frame.index, seen=frame.seen)
        picture = self.draw(result, size)
        self.summary.latencies.add(1e3 * (time.perf_counter() - start))
        self.summary.frames += 1
        return result, picture

    def draw(self, result: Result, size: tuple[int, int] | None = None) -> np.ndarray:
        """Draw the current view at the current threshold, in the picture's size or in another."""
        return result.at(self.threshold).resized(size or result.size).draw(self.view, objects=self.objects)

    def snapshot(self, result: Result) -> Path:
        """Write the current view in the picture's own size, without the text: some have transparency."""
        path = free_path(self.options.out, f"snapshot-{self.view}", ".png")
        self.summary.files.append(result.at(self.threshold).save(path, self.view, objects=self.objects))
        return path

    def start_recording(self, path: Path) -> None:
        """Begin a recording; the frames of a camera keep their pace."""
        source = Path(self.source.name)
        if source.exists() and path.exists() and source.samefile(path):
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
        if recording is None:
            return None
        if (path := recording.close()) is not None:
            self.summary.files.append(path)
            self.summary.notes += [recording.note] * bool(recording.note)
        else:
            self.summary.notes.append(f"nothing was recorded into {recording.path}: no frame was drawn meanwhile")
        return path

    def finish(self) -> None:
        """Close the recording and say what was done, however the run ended."""
        self.summary.threshold, self.summary.view, started = self.threshold, self.view, time.perf_counter()
        try:
            self.stop_recording()
        finally:
            if self.options.headless:
                # The last frames of the recording are written only now.
                self.summary.seconds += time.perf_counter() - started
            if lines := self.summary.lines():
                print(*lines, sep="\n")
