"""Where frames come from: cameras, video files, pictures. The only room besides `window.py` that touches hardware.

Every source has `name`, `fps`, `live` (stale frames are dropped), `stepped` (one picture at a time), `length` (frames,
or None), `faults` (sentences about what could not be read), and the methods of `FrameSource`.
"""

import os
import queue
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from ...trainers.data.images import PICTURE_SUFFIXES
from ...trainers.data.sources import SOURCES
from ...trainers.errors import DataError, MetricfitError, UsageError
from ..show.pictures import Picture, find_pictures, is_source

# FFmpeg's own remarks would stand between the progress bar and our one sentence; read when the first file is opened.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

READ_AHEAD = 4
STALL_SECONDS = 10.0
"""A camera that gives nothing for so long is taken as lost."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        name: Of the picture file, or of the source.
        index: Its number in the source, from 0.
    """

    image: np.ndarray
    name: str
    index: int


class FrameSource(Protocol):
    """A sequence of frames."""

    name: str
    fps: float
    live: bool
    stepped: bool
    length: int | None
    faults: list[str]

    def read(self) -> Frame | None:
        """Give the next frame; None at the end, and from a live source when there is nothing new yet.

        Raises:
            DataError: If a video cannot be decoded.
            MetricfitError: If a camera is lost.
        """

    def step(self, offset: int) -> None:
        """Move by some pictures before the next `read`; only where `stepped`."""

    def restart(self) -> None:
        """Begin again at the first frame."""

    def close(self) -> None:
        """Give the device or file back; may be called twice."""


class Pictures:
    """Pictures one by one; what cannot be read is noted in `faults` and left out.

    Attributes:
        names: The name of every picture, by index.
    """

    live = False
    stepped = True
    fps = 1.0

    def __init__(self, name: str, pictures: list[Picture]):
        self.name = name
        self.names = [picture.name for picture in pictures]
        self.length = len(pictures)
        self.faults: list[str] = []
        self._pictures = pictures
        self._next = 0
        self._direction = 1

    def read(self) -> Frame | None:
        """Give the next picture that can be read, or None at the end."""
        while 0 <= self._next < len(self._pictures):
            index = self._next
            picture = self._pictures[index]
            try:
                frame = Frame(picture.load(), picture.name, index)
            except DataError as fault:
                if str(fault) not in self.faults:
                    self.faults.append(str(fault))
                self._next += self._direction
                continue
            self._next, self._direction = index + 1, 1
            return frame
        self._direction = 1
        return None

    def step(self, offset: int) -> None:
        """Move by some pictures, around the ends."""
        # `_next` already points behind the picture shown.
        self._next = (self._next - 1 + offset) % len(self._pictures)
        self._direction = 1 if offset > 0 else -1

    def restart(self) -> None:
        """Begin again at the first picture."""
        self._next = 0

    def close(self) -> None:
        """Nothing is held open."""


class Video:
    """A video file, decoded ahead in a thread; no frame is dropped.

    Raises:
        DataError: If it cannot be read as a video.
    """

    live = False
    stepped = False

    def __init__(self, path: str | Path):
        self.name = str(path)
        self.faults: list[str] = []
        capture = self._open()
        self.fps = _sane_fps(capture.get(cv2.CAP_PROP_FPS), 25.0)
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.length = int(count) if np.isfinite(count) and count > 0 else None
        self._start(capture)

    def _open(self):
        """Open the file."""
        with quiet_opencv():
            capture = cv2.VideoCapture(self.name, cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise DataError(
                f"{self.name} cannot be read as a video: check that it plays elsewhere, or convert it to .mp4 (H.264)"
            )
        return capture

    def _start(self, capture) -> None:
        """Let a thread read ahead from an opened file."""
        self._frames = queue.Queue(READ_AHEAD)
        self._stop = threading.Event()
        self._index = 0
        self._thread = threading.Thread(
            target=_read_ahead, args=(capture, self._frames, self._stop), name="read-ahead", daemon=True
        )
        self._thread.start()

    def read(self) -> Frame | None:
        """Give the next frame, or None at the end."""
        item = self._frames.get()
        if isinstance(item, np.ndarray):
            self._index += 1
            return Frame(item, self.name, self._index - 1)
        self._frames.put(item)
        if isinstance(item, BaseException):
            message = f"{self.name} cannot be decoded after frame {self._index} ({item}): convert it again"
            raise DataError(message) from item
        if self._index == 0:
            raise DataError(f"{self.name} holds no frame that can be decoded: check that it plays elsewhere")
        # The count is an estimate in some containers, so only a large gap counts as damage.
        if self.length and self._index < 0.9 * self.length and not self.faults:
            self.faults.append(
                f"{self.name} ends after frame {self._index} of {self.length}: the file is damaged or incomplete, "
                "copy it again"
            )
        return None

    def restart(self) -> None:
        """Begin again at the first frame."""
        self.close()
        self._start(self._open())

    def close(self) -> None:
        """End the thread and give the file back."""
        self._stop.set()
        # A thread waiting for room in the queue is let go.
        while self._thread.is_alive():
            with _ignore_empty():
                self._frames.get_nowait()
            self._thread.join(0.01)


class Camera:
    """A camera or network stream: the newest frame always, older ones are dropped.

    Args:
        device: Camera number, or the address of a stream.

    Raises:
        MetricfitError: If it is not there or gives nothing.
    """

    live = True
    stepped = False
    length = None

    def __init__(self, device: int | str):
        self.name = f"camera {device}" if isinstance(device, int) else str(device)
        self.faults: list[str] = []
        self._device = device
        capture = self._open()
        self.fps = _sane_fps(capture.get(cv2.CAP_PROP_FPS), 30.0)
        self._condition = threading.Condition()
        self._newest: np.ndarray | None = None
        self._ended = False
        self._closed = False
        self._count = 0
        self._last = time.monotonic()
        self._thread = threading.Thread(target=self._run, args=(capture,), name="camera", daemon=True)
        self._thread.start()

    def _open(self):
        """Open the device."""
        linux = isinstance(self._device, int) and sys.platform.startswith("linux")
        if linux and not Path(f"/dev/video{self._device}").exists():
            found = ", ".join(sorted(path.name.removeprefix("video") for path in Path("/dev").glob("video[0-9]*")))
            raise MetricfitError(
                f"no {self.name}: /dev/video{self._device} does not exist (cameras found: {found or 'none'}); connect "
                "one, or give --source a video file, a folder or scenes"
            )
        with quiet_opencv():
            capture = cv2.VideoCapture(self._device, cv2.CAP_V4L2 if linux else cv2.CAP_ANY)
        if not capture.isOpened():
            raise MetricfitError(
                f"{self.name} cannot be opened: close other programs that use it and check that you may read it, or "
                "give --source a video file, a folder or scenes"
            )
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        return capture

    def _run(self, capture) -> None:
        """Keep the newest frame, until the camera ends or is closed."""
        try:
            while not self._closed:
                good, image = capture.read()
                if not good:
                    break
                with self._condition:
                    self._newest = image
                    self._condition.notify()
        finally:
            capture.release()
            with self._condition:
                self._ended = True
                self._condition.notify()

    def read(self) -> Frame | None:
        """Give the newest frame, waiting at most 50 ms for it; None when there is none yet."""
        with self._condition:
            self._condition.wait_for(lambda: self._newest is not None or self._ended, timeout=0.05)
            image, self._newest = self._newest, None
            ended = self._ended
        if image is not None:
            self._last = time.monotonic()
            self._count += 1
            return Frame(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), self.name, self._count - 1)
        if ended or time.monotonic() - self._last > STALL_SECONDS:
            if self._count == 0:
                raise MetricfitError(f"{self.name} opened but gives no picture: close other programs that use it")
            raise MetricfitError(f"{self.name} was lost after {self._count} frames: check its cable and start again")
        return None

    def restart(self) -> None:
        """Nothing to do: a camera has no beginning."""

    def close(self) -> None:
        """Let the thread end; a device that hangs is not waited for."""
        self._closed = True
        self._thread.join(1.0)


def open_frames(text: str) -> FrameSource:
    """Open what `--source` names.

    Args:
        text: Camera number, stream address (`rtsp://...`), video file, picture, folder, or a source such as `scenes`.

    Raises:
        UsageError: If there is no such thing.
        DataError: If it cannot be read.
        MetricfitError: If the camera is not there.
    """
    path = Path(text)
    suffix = path.suffix.lower()
    if path.is_dir() or is_source(text) or (suffix in PICTURE_SUFFIXES and suffix != ".gif"):
        return Pictures(text, find_pictures([text]))
    if path.is_file():
        return Video(path)
    if text.isdecimal():
        return Camera(int(text))
    if "://" in text:
        return Camera(text)
    raise UsageError(
        f"expected --source as a camera number, a video, a picture, a folder or one of {', '.join(SOURCES)}; found "
        f"nothing at {text!r}: check the path"
    )


def _read_ahead(capture, frames: queue.Queue, stop: threading.Event) -> None:
    """Fill a queue with RGB frames; then None at the end, or the exception that ended it."""
    end: BaseException | None = None
    try:
        while not stop.is_set():
            good, image = capture.read()
            if not good:
                break
            frames.put(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
    except Exception as error:  # this thread has nobody to raise to: the reader of the queue raises it
        end = error
    finally:
        capture.release()
    if not stop.is_set():
        frames.put(end)


def _sane_fps(fps: float, default: float) -> float:
    """Replace what drivers and broken headers say by a usable rate."""
    return float(fps) if np.isfinite(fps) and 0.1 <= fps <= 480 else default


@contextmanager
def _ignore_empty():
    """Accept that a queue is empty already."""
    try:
        yield
    except queue.Empty:
        return


@contextmanager
def quiet_opencv():
    """Keep OpenCV's own lines about a device or file off the screen; the caller says it in one sentence."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
