"""`metricfit demo`: source -> predictor -> overlay -> window, recording or folder."""

import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..trainers.data.images import resize_image
from ..trainers.errors import DataError, UsageError
from .options_demo import DemoOptions
from .pictures import Picture, unique_stems, write_picture
from .player import Player
from .predictor import Predictor, find_model, load_predictor, resolve_threshold
from .recording import Recording
from .reports import made
from .threshold import Threshold
from .video import Frame, FrameSource, open_frames
from .window import Window, check_display


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
    """What headless and window runs share: prediction, drawing, recording, counting.

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


def run_demo(options: DemoOptions) -> int:
    """Run the verb `demo`; see `play`. Gives the exit code."""
    play(options)
    return 0


def play(options: DemoOptions) -> DemoSummary:
    """Run the demo until the source ends, the user quits, or `--frames` is reached.

    A recording is finished and keeps its frames however the run ends, by an error or Ctrl-C too.

    Args:
        options: See `DemoOptions`.

    Returns:
        What was done, and the paths written. It is printed too, unless `quiet`.

    Raises:
        UsageError: If an option or the model does not fit.
        DataError: If a video or picture cannot be read (all others are done first).
        MetricfitError: If there is no display, no camera, the camera is lost, or nothing can be written.
    """
    if options.frames is not None and options.frames < 1:
        raise UsageError(f"expected --frames of at least 1, got {options.frames}")
    model = find_model(options.model)
    if not options.headless:
        check_display()
    with ExitStack() as stack:
        source = open_frames(options.source)
        stack.callback(source.close)
        demo = Demo(options, source, load_predictor(model, threads=options.threads))
        stack.callback(_finish, demo)
        if options.headless:
            _headless(demo)
        else:
            _windowed(demo, stack)
    if source.faults:
        raise DataError(_all_faults(source.faults, bool(demo.summary.frames)))
    return demo.summary


def _finish(demo: Demo) -> None:
    """Close the recording and say what was done, however the run ended."""
    summary = demo.summary
    summary.threshold, summary.view = demo.threshold, demo.view
    started = time.perf_counter()
    try:
        demo.stop_recording()
    finally:
        if demo.options.headless:
            # The last frames of the recording are written only now.
            summary.seconds += time.perf_counter() - started
        if (lines := summary.lines()) and not demo.options.quiet:
            print(*lines, sep="\n")


def _all_faults(faults: list[str], others: bool) -> str:
    """Put several faults into one message."""
    if len(faults) == 1:
        return faults[0]
    outcome = "all others were done" if others else "there were no others"
    return f"{len(faults)} pictures could not be read, {outcome}:\n  " + "\n  ".join(faults)


def _headless(demo: Demo) -> None:
    """Go once through the source as fast as possible.

    Pictures are drawn into files unless they are recorded; a video or camera that is not recorded is only measured.
    """
    options, source, summary = demo.options, demo.source, demo.summary
    to_files = source.stepped and demo.recording is None
    only_measured = not source.stepped and demo.recording is None
    total = min((number for number in (options.frames, source.length) if number is not None), default=None)
    start = time.perf_counter()
    paths: dict[int, Path] = {}
    if to_files:
        stems = unique_stems([Picture(name, lambda: None) for name in source.names])
        paths = {index: options.out / f"{stem}-{demo.view}.jpg" for index, stem in enumerate(stems)}
    try:
        description = "measuring" if only_measured else "demo"
        with tqdm(total=total, desc=description, unit="frame", disable=options.quiet or None) as bar:
            while demo.wanted:
                frame = source.read()
                if frame is None:
                    if source.live:
                        continue
                    break
                _, picture = demo.predict(frame)
                demo.record(picture, time.perf_counter() - start)
                if to_files:
                    summary.files.append(write_picture(paths[frame.index], picture))
                bar.update()
    finally:
        summary.seconds = time.perf_counter() - start
        if only_measured and summary.frames:
            summary.notes.append("only measured, nothing was written: --record FILE writes what is drawn into a video")


def _windowed(demo: Demo, stack: ExitStack) -> None:
    """Show the source in a window, at its own pace, until it ends or the user quits."""
    window = Window(f"metricfit: {demo.source.name}")
    stack.callback(window.close)
    Player(demo, window).run()
