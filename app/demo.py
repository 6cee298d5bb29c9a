"""`metricfit demo`: source -> predictor -> overlay -> window, recording or folder."""

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..trainers.data.images import resize_image, resize_map
from ..trainers.errors import DataError, UsageError
from .hud import LEGEND, PICTURE_LEGEND, Status, draw_hud
from .options_demo import DemoOptions
from .overlay import TITLES, VIEWS, cut_out
from .pictures import Picture, free_path, unique_stems, write_picture
from .predictor import Predictor, load_predictor, resolve_threshold
from .recording import Recording
from .video import Frame, FrameSource, open_frames
from .window import Window, check_display

SMALL, LARGE = 640, 1280
"""The longer side of what a window shows lies between these: smaller pictures are enlarged, larger ones shrunk."""

MESSAGE_SECONDS = 2.0


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
    """

    frames: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    threshold: float = 0.5
    view: str = "overlay"
    files: list[Path] = field(default_factory=list)

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
        """Say it: one line of figures, one per file made (a folder where they are many)."""
        figures = (
            f"{self.frames} frames, {self.fps:.1f} FPS end to end, latency {self.latency_median:.1f} ms median, "
            f"{self.latency_p95:.1f} ms p95, threshold {self.threshold:.2f}"
        )
        if len(self.files) <= 6:
            return [figures, *map(str, self.files)]
        folders = sorted({path.parent for path in self.files})
        counts = [sum(path.parent == folder for path in self.files) for folder in folders]
        return [figures, *(f"{folder} ({count} files)" for folder, count in zip(folders, counts, strict=True))]


class Demo:
    """What headless and window runs share: prediction, drawing, recording, counting.

    Args:
        options: What the user asked for.
        source: Where frames come from.
        predictor: Finds the saliency.
    """

    def __init__(self, options: DemoOptions, source: FrameSource, predictor: Predictor):
        self.options = options
        self.source = source
        self.predictor = predictor
        self.view = options.view
        self.threshold, self.origin = resolve_threshold(options.threshold, predictor)
        self.summary = DemoSummary(threshold=self.threshold, view=self.view)
        self.recording: Recording | None = None
        self._record_since = 0.0
        if options.record is not None:
            self.start_recording(options.record)

    @property
    def wanted(self) -> bool:
        """Whether `--frames` asks for more."""
        return self.options.frames is None or self.summary.frames < self.options.frames

    def predict(self, frame: Frame, size: tuple[int, int] | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Predict one frame and draw it.

        Args:
            frame: The frame.
            size: (height, width) of the drawn picture; the frame's own when None.

        Returns:
            The saliency, float32 [H, W] in the frame's size, and the picture, uint8 [height, width, 3].
        """
        start = time.perf_counter()
        saliency = self.predictor(frame.image)
        picture = self.draw(frame.image, saliency, size)
        self.summary.latencies.append(1e3 * (time.perf_counter() - start))
        self.summary.frames += 1
        return saliency, picture

    def draw(self, image: np.ndarray, saliency: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Draw the current view in the image's size or in another."""
        if size is not None:
            image, saliency = resize_image(image, size), resize_map(saliency, size)
        return VIEWS[self.view](image, saliency, self.threshold)

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
    if not options.headless:
        check_display()
    with ExitStack() as stack:
        source = open_frames(options.source)
        stack.callback(source.close)
        demo = Demo(options, source, load_predictor(options.model, threads=options.threads))
        stack.callback(_finish, demo)
        if options.headless:
            _headless(demo)
        else:
            _windowed(demo, stack)
    if source.faults:
        raise DataError(_all_faults(source.faults))
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
        if summary.frames and not demo.options.quiet:
            print(*summary.lines(), sep="\n")


def _all_faults(faults: list[str]) -> str:
    """Put several faults into one message."""
    if len(faults) == 1:
        return faults[0]
    return f"{len(faults)} pictures could not be read, all others were done:\n  " + "\n  ".join(faults)


def _headless(demo: Demo) -> None:
    """Go once through the source as fast as possible; pictures are drawn into files unless they are recorded."""
    options, source, summary = demo.options, demo.source, demo.summary
    to_files = source.stepped and demo.recording is None
    total = min((number for number in (options.frames, source.length) if number is not None), default=None)
    start = time.perf_counter()
    paths: dict[int, Path] = {}
    if to_files:
        stems = unique_stems([Picture(name, lambda: None) for name in source.names])
        paths = {index: options.out / f"{stem}-{options.view}.jpg" for index, stem in enumerate(stems)}
    try:
        with tqdm(total=total, desc="demo", unit="frame", disable=options.quiet or None) as bar:
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


def _windowed(demo: Demo, stack: ExitStack) -> None:
    """Show the source in a window, at its own pace, until it ends or the user quits."""
    window = Window(f"metricfit: {demo.source.name}")
    stack.callback(window.close)
    Player(demo, window).run()


class Player:
    """The window loop: reads, shows, obeys keys.

    Args:
        demo: The run.
        window: Where it is shown: `show(picture)` and `key(milliseconds)`, as `Window` has.
    """

    def __init__(self, demo: Demo, window: Window):
        self.demo = demo
        self.window = window
        self.paused = False
        self.hidden = False
        self._frame: Frame | None = None
        self._saliency: np.ndarray | None = None
        self._shown: np.ndarray | None = None
        self._changed = False
        self._due = self._taken = 0.0
        self._interval = 0.0
        self._message, self._message_until = "", 0.0

    def run(self) -> None:
        """Run until the end of the source, `--frames`, or quit."""
        demo, source = self.demo, self.demo.source
        loop = demo.options.loop and demo.options.record is None
        last = time.perf_counter()
        while True:
            now = time.perf_counter()
            if not self.paused or self._frame is None:
                demo.summary.seconds += now - last
            last = now
            fresh = False
            # A picture asked for by a key comes at once (due is 0), even in a pause.
            if self._frame is None or (now >= self._due and (not self.paused or self._due == 0.0)):
                if not demo.wanted:
                    return
                frame = source.read()
                if frame is None and not source.live:
                    if loop and self._frame is not None:
                        source.restart()
                        frame = source.read()
                    if frame is None:
                        return
                if frame is not None:
                    self._take(frame, time.perf_counter())
                    fresh = True
            if fresh or self._changed or (self._message and now > self._message_until):
                self._show()
            if not self._obey(self.window.key(self._wait())):
                return

    def _take(self, frame: Frame, now: float) -> None:
        """Predict a new frame, record it, and set when the next one is due."""
        demo = self.demo
        size = _window_size(frame.image)
        if demo.recording is not None and size != frame.image.shape[:2]:
            self._saliency, picture = demo.predict(frame)
            self._shown = None
        else:
            self._saliency, picture = demo.predict(frame, size)
            self._shown = picture
        demo.record(picture, demo.summary.seconds)
        if self._frame is not None:
            interval = now - self._taken
            self._interval = 0.9 * self._interval + 0.1 * interval if self._interval else interval
        self._frame, self._taken = frame, now
        period = 0.0 if demo.source.live else 1.0 / demo.source.fps
        # A video that comes late shifts the rest: a slow model plays it slowly and drops nothing.
        self._due = now + period if demo.source.stepped else max(self._due + period, now)

    def _wait(self) -> int:
        """Choose how many milliseconds to wait for a key."""
        if self.paused:
            return 30
        if self.demo.source.live:
            return 1
        return int(np.clip(1e3 * (self._due - time.perf_counter()), 1, 30))

    def _show(self) -> None:
        """Draw the current frame in the window's size, with the text over it."""
        if self._changed or self._shown is None:
            image = self._frame.image
            self._shown = self.demo.draw(image, self._saliency, _window_size(image))
        self._changed = False
        if time.perf_counter() > self._message_until:
            self._message = ""
        self.window.show(self._shown if self.hidden else draw_hud(self._shown, self.status()))

    def status(self) -> Status:
        """Say what the text over the picture says."""
        demo, source = self.demo, self.demo.source
        if source.stepped:
            pace = f"{self._frame.index + 1} / {source.length}"
        else:
            pace = f"{1 / self._interval:.0f} FPS" if self._interval else "– FPS"
        return Status(
            view=TITLES[demo.view],
            threshold=demo.threshold,
            origin=demo.origin,
            pace=pace,
            latency=float(np.median(demo.summary.latencies[-30:])),
            name=Path(self._frame.name).name,
            legend=PICTURE_LEGEND if source.stepped else LEGEND,
            paused=self.paused,
            recording=demo.recording is not None,
            message=self._message,
        )

    def _obey(self, key: str | None) -> bool:
        """Do what a key asks for; False to quit."""
        if key is None:
            return True
        if key == "quit":
            return False
        demo = self.demo
        steps = {"more": 0.05, "less": -0.05, "up": 0.01, "down": -0.01}
        self._changed = True
        if key in steps:
            demo.threshold = round(float(np.clip(demo.threshold + steps[key], 0.0, 1.0)), 2)
            demo.origin = "keys"
        elif key == "view":
            names = list(VIEWS)
            demo.view = names[(names.index(demo.view) + 1) % len(names)]
        elif key.isdecimal():
            demo.view = list(VIEWS)[int(key) - 1]
        elif key == "pause":
            self.paused = not self.paused
            self._due = time.perf_counter()
        elif key == "hide":
            self.hidden = not self.hidden
        elif key in ("next", "previous") and demo.source.stepped:
            demo.source.step(1 if key == "next" else -1)
            self._due = 0.0
        elif key == "snapshot" and self._frame is not None:
            self._snapshot()
        elif key == "record":
            self._toggle_recording()
        return True

    def _snapshot(self) -> None:
        """Write the current picture in its own size, without the text; a cut-out with its transparency."""
        demo = self.demo
        draw = cut_out if demo.view == "cutout" else VIEWS[demo.view]
        picture = draw(self._frame.image, self._saliency, demo.threshold)
        path = write_picture(free_path(demo.options.out, f"snapshot-{demo.view}", ".png"), picture)
        demo.summary.files.append(path)
        self._say(f"saved {path}")

    def _toggle_recording(self) -> None:
        """Begin a recording in the output folder, or finish the one that runs."""
        demo = self.demo
        if demo.recording is not None:
            path = demo.stop_recording()
            self._say(f"recorded {path}" if path else "nothing recorded")
        else:
            demo.start_recording(free_path(demo.options.out, "recording", ".mp4"))
            self._say(f"recording {demo.recording.path}")

    def _say(self, message: str) -> None:
        """Show a remark for a moment."""
        self._message, self._message_until = message, time.perf_counter() + MESSAGE_SECONDS


def _window_size(image: np.ndarray) -> tuple[int, int]:
    """Choose the (height, width) in which a picture is shown."""
    height, width = image.shape[:2]
    scale = float(np.clip(max(height, width), SMALL, LARGE)) / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))
