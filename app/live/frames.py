"""What every source of frames has: cameras, video files, pictures. Only they and the window touch hardware."""

import contextlib
import os
import queue
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

from ...trainers.data.images import Seen

# FFmpeg's own remarks would stand between the progress bar and our one sentence; read when the first file is opened.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

READ_AHEAD = 4
CLOSE_SECONDS = 1.0
Frames = queue.Queue[np.ndarray | BaseException | None]
"""RGB pictures; then None at the end, or the exception that ended it."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source: uint8 [H, W, 3] RGB or RGBA, the name of its file or source, its number from 0.

    `seen` gives a picture's file as networks see it, where it has one.
    """

    image: np.ndarray
    name: str
    index: int
    seen: Callable[[], Seen] | None = None


class FrameSource(ABC):
    """A sequence of frames; `length` is None where it is not known, `names` are those of pictures by index."""

    live: ClassVar[bool] = False  # runs on by itself, so that stale frames are dropped
    stepped: ClassVar[bool] = False  # is gone through one picture at a time

    def __init__(self, name: str, fps: float, length: int | None = None, names: Sequence[str] = ()):
        self.name, self.fps, self.length, self.names = name, fps, length, names
        self.faults: list[str] = []  # a sentence about each picture or video that could not be read to its end

    @abstractmethod
    def read(self) -> Frame | None:
        """Give the next frame; None at the end, and from a live source when there is nothing new yet."""

    def step(self, offset: int) -> None:
        """Move by some pictures before the next `read`; only where `stepped`."""
        raise NotImplementedError(f"{self.name} is not stepped")

    def restart(self) -> None:
        """Begin again at the first frame; not where `live`."""
        raise NotImplementedError(f"{self.name} does not begin again")

    @abstractmethod
    def close(self) -> None:
        """Give the device or file back; may be called twice."""


class Capture(FrameSource):
    """What OpenCV opens, decoded ahead in a thread; of a live one the newest frame alone is kept."""

    def __init__(self, name: str, fps: float):
        super().__init__(name, fps)
        self._start()

    @abstractmethod
    def _open(self) -> cv2.VideoCapture: ...

    def _start(self) -> None:
        capture = self._open()
        fps = capture.get(cv2.CAP_PROP_FPS)
        # Drivers and broken headers say anything.
        self.fps = float(fps) if np.isfinite(fps) and 0.1 <= fps <= 480 else self.fps
        self._given = 0
        self._frames: Frames = queue.Queue(1 if self.live else READ_AHEAD)
        self._stop = threading.Event()
        arguments = capture, self._frames, self._stop
        self._thread = threading.Thread(target=self._read_ahead, args=arguments, name="read-ahead", daemon=True)
        self._thread.start()

    def _read_ahead(self, capture: cv2.VideoCapture, frames: Frames, stop: threading.Event) -> None:
        end: BaseException | None = None
        try:
            while not stop.is_set():
                good, image = capture.read()
                if not good:
                    break
                if self.live:
                    _drop_one(frames)
                frames.put(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        except Exception as error:  # this thread has nobody to raise to: the reader of the queue raises it
            end = error
        finally:
            capture.release()
        if not stop.is_set():
            frames.put(end)

    def _frame(self, image: np.ndarray) -> Frame:
        self._given += 1
        return Frame(image, self.name, self._given - 1)

    def close(self) -> None:
        """End the thread and give the device or file back; one that hangs is not waited for."""
        self._stop.set()
        deadline = time.monotonic() + CLOSE_SECONDS
        while self._thread.is_alive() and time.monotonic() < deadline:
            _drop_one(self._frames)  # lets a thread go that waits for room
            self._thread.join(0.01)


def _drop_one(frames: Frames) -> None:
    with contextlib.suppress(queue.Empty):
        frames.get_nowait()
