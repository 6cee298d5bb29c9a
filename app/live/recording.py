"""Where frames go: a video file, written in a thread, playable whatever happens."""

import os
import queue
import threading
from pathlib import Path

import cv2
import numpy as np

from ...trainers.errors import MetricfitError, UsageError
from ..show.pictures import letterbox
from .encoders import BROWSERS, CODECS, NO_H264, Encoder, open_encoder
from .frames import quiet_opencv

WRITE_BEHIND = 8


class Recording:
    """A video file that grows beside its place and is renamed when closed; the first picture sets the size."""

    def __init__(self, path: str | Path, fps: float):
        self.path, self.fps, self.frames = Path(path), fps, 0
        if self.path.suffix.lower() not in CODECS or self.path.is_dir():
            raise UsageError(f"expected a video file ending in {', '.join(CODECS)} to record into, got {self.path}")
        # FFmpeg takes what stands before a colon in a relative path for a protocol.
        self._part = self.path.absolute().with_name(f"{self.path.stem}.part{self.path.suffix}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._part.touch()
        except OSError as error:
            raise MetricfitError(f"cannot record into {self.path} ({error.strerror}): choose another folder") from error
        self._queue: queue.Queue[tuple[np.ndarray, int] | None] = queue.Queue(WRITE_BEHIND)
        self._writer: Encoder | None = None
        self._size, self._closed = (0, 0), False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    @property
    def note(self) -> str:
        """What whoever wants to show the video must know; empty where there is nothing."""
        poor = self._writer is not None and not self._writer.h264 and self.path.suffix.lower() in BROWSERS
        return f"{self.path}: {NO_H264}" if poor else ""

    def write(self, picture: np.ndarray, seconds: float | None = None) -> None:
        """Add a picture, uint8 [H, W, 3] RGB, never changed after; with seconds the video keeps a camera's pace."""
        self._check()
        repeats = 1 if seconds is None else int(seconds * self.fps) + 1 - self.frames
        if repeats > 0:
            self._queue.put((picture, repeats))
            self.frames += repeats

    def close(self) -> Path | None:
        """Finish the file and name it; gives its path, None if no picture was written or it was closed before."""
        if self._closed:
            return None
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        if self._writer is None:
            self._part.unlink(missing_ok=True)
            self._check()
            return None
        # The writer itself never reports a full disk, so the file is looked at before it gets its name.
        complete = _is_playable(self._part)
        if complete:
            os.replace(self._part, self.path)
        self._check()
        if not complete:
            raise MetricfitError(f"{self._part} could not be written completely: check the space left on the disk")
        return self.path

    def _check(self) -> None:
        if self._error is not None:
            error, self._error = self._error, None
            if isinstance(error, MetricfitError):
                raise error
            raise MetricfitError(f"recording into {self.path} failed ({error}): record into another format") from error

    def _run(self) -> None:
        """Write pictures until the end; after an error, only take them from the queue."""
        while (item := self._queue.get()) is not None:
            if self._error is not None:
                continue
            try:
                picture, repeats = item
                if self._writer is None:
                    # Video codecs want even sides.
                    height, width = picture.shape[:2]
                    self._size = height + height % 2, width + width % 2
                    self._writer = open_encoder(self._part, self.fps, self._size)
                frame = _fit(picture, self._size)
                for _ in range(repeats):
                    self._writer.write(frame)
            except Exception as error:  # this thread has nobody to raise to: the caller raises it
                self._error = error
        try:
            if self._writer is not None:
                self._writer.close()
        except Exception as error:  # as above: the first one is raised
            self._error = self._error or error


def _fit(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a picture to (height, width): odd sides get one more pixel, other sizes black bars."""
    height, width = picture.shape[:2]
    if (height + height % 2, width + width % 2) == size:
        return cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return letterbox(picture, size)


def _is_playable(path: Path) -> bool:
    """Tell whether a video opens and gives a frame."""
    with quiet_opencv():
        capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
        try:
            return capture.isOpened() and capture.read()[0]
        finally:
            capture.release()
