"""Where frames go: a video file, written in a thread, playable whatever happens."""

import contextlib
import logging
import os
import queue
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from ...trainers.errors import MetricfitError, UsageError, first_line
from ...trainers.text import is_text
from ..opencv_log import quiet_opencv
from ..show.pictures import free_path, letterbox
from ..show.stems import shortened
from .encoders import NO_H264, Encoder, check_suffix, open_encoder

log = logging.getLogger("metricfit")

WRITE_BEHIND = 8


class Recording:
    """A video file that grows beside its place and is renamed when closed; the first picture sets the size.

    Meanwhile it is called NAME.part.mp4 and plays up to a moment ago, whatever ends the process. What such an end left
    is kept by the next recording of that name as NAME-interrupted-0001.mp4, and that is said.
    """

    def __init__(self, path: str | Path, fps: float):
        self.path, self.fps, self.frames = Path(path), fps, 0
        check_suffix(self.path)
        if self.path.is_dir():
            raise UsageError(f"expected a video file to record into, {self.path} is a folder")
        self._part = part_of(self.path)
        if not is_text(str(self._part)):
            raise UsageError(f"cannot record into {self.path}, whose name is no text (UTF-8): choose another")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            _keep(self._part, self.path)
            self._part.touch()
        except OSError as error:
            raise MetricfitError(f"cannot record into {self.path} ({error.strerror}): choose another folder") from error
        self._queue: queue.Queue[tuple[np.ndarray, int] | None] = queue.Queue(WRITE_BEHIND)
        self._writer: Encoder | None = None
        self._size, self._closed = (0, 0), False
        self._written = 0  # frames that the encoder took
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)
        self._thread.start()

    @property
    def note(self) -> str:
        """What whoever wants to show the video must know; empty where there is nothing."""
        return f"{self.path}: {NO_H264}" if self._writer is not None and not self._writer.h264 else ""

    def write(self, picture: np.ndarray, seconds: float | None = None) -> None:
        """Add a picture, uint8 [H, W, 3] RGB, never changed after; with seconds the video keeps a camera's pace.

        Raises:
            MetricfitError: an earlier one could not be written: nothing is recorded any more.
        """
        if self._error is not None:
            raise self._failure(self._error)
        repeats = 1 if seconds is None else int(seconds * self.fps) + 1 - self.frames
        if repeats > 0:
            self._queue.put((picture, repeats))
            self.frames += repeats

    def close(self, *, whole: bool = True) -> Path | None:
        """Finish the file and name it; gives its path, None if no picture was written or it was closed before.

        One that is not `whole`, such as half of a video, keeps the name that it had meanwhile.

        Raises:
            MetricfitError: it could not be written to its end; what there is of it is named as a whole one.
        """
        if self._closed:
            return None
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        place = self._place(whole)
        if self._error is not None:
            raise self._failure(self._error, place) from self._error
        if place is None and self._writer is not None:
            raise MetricfitError(f"{self._part} could not be written completely: check the space left on the disk")
        return place

    def _place(self, whole: bool) -> Path | None:
        """Give the file its name, where there is something in it to see; gives where it lies."""
        if self._writer is None:
            self._part.unlink(missing_ok=True)
            return None
        # Not every writer reports a full disk, so the file is looked at before it gets its name.
        if not is_playable(self._part):
            if not self._written:
                self._part.unlink(missing_ok=True)
            return None
        if not whole:
            return self._part
        os.replace(self._part, self.path)
        return self.path

    def _failure(self, error: Exception, place: Path | None = None) -> MetricfitError:
        if isinstance(error, MetricfitError) and not self._written:
            return error
        reason = getattr(error, "strerror", None) or first_line(error)
        kept = f"what was recorded until then is in {place or self._part}" if self._written else "choose another place"
        return MetricfitError(f"recording into {self.path} stopped after {self._written} frames ({reason}): {kept}")

    def _run(self) -> None:
        """Write pictures until the end; after an error, finish the file and only take them from the queue."""
        while (item := self._queue.get()) is not None:
            if self._error is None:
                self._guarded(partial(self._encode, *item))
        if self._error is None:
            self._guarded(self._finish)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # this thread has nobody to raise to: the caller raises it
            self._error = error
            # What could not be written in full may still end properly; the first error is the one that is told.
            with contextlib.suppress(Exception):
                self._finish()

    def _encode(self, picture: np.ndarray, repeats: int) -> None:
        if self._writer is None:
            # Video codecs want even sides.
            height, width = picture.shape[:2]
            self._size = height + height % 2, width + width % 2
            self._writer = open_encoder(self._part, self.fps, self._size)
        frame = _fit(picture, self._size)
        for _ in range(repeats):
            self._writer.write(frame)
            self._written += 1

    def _finish(self) -> None:
        if self._writer is not None:
            self._writer.close()


def part_of(path: Path) -> Path:
    """Name the file that a recording is in until it is closed."""
    # FFmpeg takes what stands before a colon in a relative path for a protocol.
    return path.absolute().with_name(f"{shortened(path.stem)}.part{path.suffix}")


def _keep(part: Path, path: Path) -> None:
    """Move away what a recording that was killed has left, so that the next one does not overwrite it."""
    if part.is_file() and part.stat().st_size and is_playable(part):
        kept = free_path(path.parent, f"{shortened(path.stem)}-interrupted", path.suffix)
        os.replace(part, kept)
        log.warning("%s is what an earlier recording of %s had written when it was killed", kept, path)


def _fit(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a picture to (height, width): odd sides get one more pixel, other sizes black bars."""
    height, width = picture.shape[:2]
    if (height + height % 2, width + width % 2) == size:
        return cv2.copyMakeBorder(picture, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return letterbox(picture, size)


def is_playable(path: Path) -> bool:
    """Tell whether a video opens and gives a frame."""
    with quiet_opencv():
        capture = cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG)
        try:
            return capture.isOpened() and capture.read()[0]
        finally:
            capture.release()
