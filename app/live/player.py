"""The demo's window loop: what is shown when, and what the keys do."""

import time
from pathlib import Path

import numpy as np

from ..results import Result
from ..show.pictures import free_path
from .encoders import usual_suffix
from .frames import Frame
from .hud import LEGEND, PICTURE_LEGEND, Status, draw_hud
from .session import Demo
from .window import Window

SMALL, LARGE = 640, 1280
"""The longer side of what a window shows lies between these: smaller pictures are enlarged, larger ones shrunk."""

MESSAGE_SECONDS = 2.0
STEPS = {"more": 0.05, "less": -0.05, "up": 0.01, "down": -0.01}  # of the threshold, by key


class Player:
    """The window loop: reads, shows, obeys keys."""

    def __init__(self, demo: Demo, window: Window):
        self.demo, self.window = demo, window
        self.paused = self.hidden = self._changed = False
        self._current: tuple[Frame, Result] | None = None
        self._shown: np.ndarray | None = None
        self._due = self._taken = self._interval = self._message_until = 0.0
        self._message = ""

    def run(self) -> None:
        """Run until the end of the source, `--frames`, or quit."""
        demo, source = self.demo, self.demo.source
        loop = demo.options.loop and demo.options.record is None
        last = time.perf_counter()
        while True:
            now = time.perf_counter()
            if not self.paused or self._current is None:
                demo.summary.seconds += now - last
            last, fresh = now, False
            # A picture asked for by a key comes at once (due is 0), even in a pause.
            if self._current is None or (now >= self._due and (not self.paused or self._due == 0.0)):
                if not demo.wanted:
                    return
                frame = source.read()
                if frame is None and not source.live:
                    if loop and self._current is not None:
                        source.restart()
                        frame = source.read()
                    if frame is None:
                        return
                if frame is not None:
                    self._take(frame, time.perf_counter())
                    fresh = True
            outdated = self._changed or (self._message and now > self._message_until)
            if fresh or (outdated and self._current is not None):
                self._show()
            if not self._obey(self.window.key(self._wait())):
                return

    def _take(self, frame: Frame, now: float) -> None:
        """Predict a new frame, record it, and set when the next one is due."""
        demo = self.demo
        size = _window_size(frame.image, self.window.room)
        # A recording has the frame's own size, and the window's picture is then drawn apart.
        apart = demo.recording is not None and size != frame.image.shape[:2]
        result, picture = demo.predict(frame, None if apart else size)
        self._shown = None if apart else picture
        demo.record(picture, demo.summary.seconds)
        if self._current is not None:
            interval = now - self._taken
            self._interval = 0.9 * self._interval + 0.1 * interval if self._interval else interval
        self._current, self._taken = (frame, result), now
        period = 0.0 if demo.source.live else 1.0 / demo.source.fps
        # A video that comes late shifts the rest: a slow model plays it slowly and drops nothing.
        self._due = now + period if demo.source.stepped else max(self._due + period, now)

    def _wait(self) -> int:
        """Choose how many milliseconds to wait for a key."""
        if self.paused or self.demo.source.live:
            return 30 if self.paused else 1
        return int(np.clip(1e3 * (self._due - time.perf_counter()), 1, 30))

    def _show(self) -> None:
        """Draw the current frame in the window's size, with the text over it."""
        assert self._current is not None
        if self._changed or self._shown is None:
            _, result = self._current
            self._shown = self.demo.draw(result, _window_size(result.image, self.window.room))
        self._changed = False
        if time.perf_counter() > self._message_until:
            self._message = ""
        self.window.show(self._shown if self.hidden else draw_hud(self._shown, self.status()))

    def status(self) -> Status:
        """Say what the text over the picture says."""
        assert self._current is not None
        (frame, result), demo, source = self._current, self.demo, self.demo.source
        fps = f"{1 / self._interval:.0f}" if self._interval else "–"
        return Status(
            view=demo.task.result.titles[demo.view],
            threshold=demo.threshold,
            found=result.at(demo.threshold).summary,
            pace=f"{frame.index + 1} / {source.length}" if source.stepped else f"{fps} FPS",
            latency=demo.summary.latencies.recent,
            name=Path(frame.name).name,
            legend=PICTURE_LEGEND if source.stepped else LEGEND,
            paused=self.paused,
            recording=demo.recording is not None,
            message=self._message,
        )

    def _obey(self, key: str | None) -> bool:
        """Do what a key asks for; False to quit."""
        if key is None or key == "quit":
            return key is None
        demo, views = self.demo, self.demo.views
        self._changed = True
        if key in STEPS:
            demo.threshold = demo.task.move(demo.threshold, STEPS[key])
        elif key == "view":
            demo.view = views[(views.index(demo.view) + 1) % len(views)]
        elif key.isdecimal() and int(key) <= len(views):
            demo.view = views[int(key) - 1]
        elif key == "objects":
            demo.objects = not demo.objects
        elif key == "pause":
            self.paused = not self.paused
            self._due = time.perf_counter()
        elif key == "hide":
            self.hidden = not self.hidden
        elif key in ("next", "previous") and demo.source.stepped:
            demo.source.step(1 if key == "next" else -1)
            self._due = 0.0
        elif key == "snapshot" and self._current is not None:
            self._say(f"saved {demo.snapshot(self._current[1])}")
        elif key == "record":
            self._toggle_recording()
        return True

    def _toggle_recording(self) -> None:
        demo = self.demo
        if demo.recording is not None:
            path = demo.stop_recording()
            return self._say(f"recorded {path}" if path else "nothing recorded")
        path = free_path(demo.options.out, "recording", usual_suffix())
        demo.start_recording(path)
        if self._current is not None:
            # What is on the screen is the first picture: in a pause no other may come.
            demo.record(demo.draw(self._current[1]), demo.summary.seconds)
        self._say(f"recording {path}")

    def _say(self, message: str) -> None:
        self._message, self._message_until = message, time.perf_counter() + MESSAGE_SECONDS


def _window_size(image: np.ndarray, room: tuple[int, int]) -> tuple[int, int]:
    """Choose the (height, width) in which a picture is shown, within the room that the screen has."""
    height, width = image.shape[:2]
    scale = float(np.clip(max(height, width), SMALL, LARGE)) / max(height, width)
    scale = min(scale, room[0] / height, room[1] / width)
    return max(1, round(height * scale)), max(1, round(width * scale))
