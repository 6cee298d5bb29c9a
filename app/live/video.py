"""Video files."""

import contextlib
import queue
import threading
from pathlib import Path

import cv2
import numpy as np

from ...trainers.errors import DataError
from .frames import Frame, FrameSource, quiet_opencv, usable_fps

READ_AHEAD = 4
"""Frames decoded in advance."""
Frames = queue.Queue[np.ndarray | BaseException | None]
"""RGB pictures; then None at the end, or the exception that ended it."""


class Video(FrameSource):
    """A video file, decoded ahead in a thread; no frame is dropped.

    Raises:
        DataError: it cannot be read as a video.
    """

    def __init__(self, path: str | Path):
        super().__init__(str(path), fps=25.0)
        capture = self._open()
        self.fps = usable_fps(capture.get(cv2.CAP_PROP_FPS), self.fps)
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.length = int(count) if np.isfinite(count) and count > 0 else None
        self._start(capture)

    def _open(self) -> cv2.VideoCapture:
        with quiet_opencv():
            capture = cv2.VideoCapture(self.name, cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise DataError(
                f"{self.name} cannot be read as a video: check that it plays elsewhere, or convert it to .mp4 (H.264)"
            )
        return capture

    def _start(self, capture: cv2.VideoCapture) -> None:
        """Let a thread read ahead from an opened file."""
        self._frames: Frames = queue.Queue(READ_AHEAD)
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
            with contextlib.suppress(queue.Empty):
                self._frames.get_nowait()
            self._thread.join(0.01)


def _read_ahead(capture: cv2.VideoCapture, frames: Frames, stop: threading.Event) -> None:
    """Fill a queue with frames, and end it."""
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
