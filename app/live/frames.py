"""What every source of frames has: cameras, video files, pictures. Only they and the window touch hardware."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar

import cv2
import numpy as np

# FFmpeg's own remarks would stand between the progress bar and our one sentence; read when the first file is opened.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a source.

    Attributes:
        image: uint8 [H, W, 3], RGB.
        name: of the picture file, or of the source.
        index: its number in the source, from 0.
    """

    image: np.ndarray
    name: str
    index: int


class FrameSource(ABC):
    """A sequence of frames.

    Attributes:
        live: whether it runs on by itself, so that stale frames are dropped.
        stepped: whether it is gone through one picture at a time.
        name: what the user calls it.
        fps: frames a second.
        length: number of frames; None where it is not known.
        names: of every picture by index, where it is stepped.
        faults: a sentence about each picture or video that could not be read to its end.
    """

    live: ClassVar[bool] = False
    stepped: ClassVar[bool] = False

    def __init__(self, name: str, fps: float, length: int | None = None, names: Sequence[str] = ()):
        self.name, self.fps, self.length, self.names = name, fps, length, names
        self.faults: list[str] = []

    @abstractmethod
    def read(self) -> Frame | None:
        """Give the next frame; None at the end, and from a live source when there is nothing new yet.

        Raises:
            DataError: a video cannot be decoded.
            MetricfitError: a camera is lost.
        """

    def step(self, offset: int) -> None:
        """Move by some pictures before the next `read`; only where `stepped`."""
        raise NotImplementedError

    @abstractmethod
    def restart(self) -> None:
        """Begin again at the first frame."""

    @abstractmethod
    def close(self) -> None:
        """Give the device or file back; may be called twice."""


def usable_fps(fps: float, default: float) -> float:
    """Replace what drivers and broken headers say."""
    return float(fps) if np.isfinite(fps) and 0.1 <= fps <= 480 else default


@contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keep OpenCV's own lines about a device or file off the screen; the caller says it in one sentence."""
    level = cv2.utils.logging.getLogLevel()
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        yield
    finally:
        cv2.utils.logging.setLogLevel(level)
