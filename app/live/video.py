"""Video files."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from ...trainers.errors import DataError
from ...trainers.text import is_text
from ..opencv_log import quiet_opencv
from .frames import Capture, Frame


@contextlib.contextmanager
def in_text(path: Path) -> Iterator[str]:
    """Give the absolute path of a file; where that is no text, by which OpenCV would crash, that of a link to it."""
    # FFmpeg takes what stands before a colon in a relative path for a protocol.
    place = os.path.abspath(path)
    if is_text(place):
        yield place
    else:
        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder, f"video{path.suffix if is_text(path.suffix) else ''}")
            link.symlink_to(place)
            yield str(link)


class Video(Capture):
    """A video file; no frame is dropped."""

    def __init__(self, path: str | Path):
        super().__init__(str(path), fps=25.0)

    def _open(self) -> cv2.VideoCapture:
        with quiet_opencv(), in_text(Path(self.name)) as path:
            capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG)
        if not capture.isOpened():
            raise DataError(
                f"{self.name} cannot be read as a video: check that it plays elsewhere, or convert it to .mp4 (H.264)"
            )
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.length = int(count) if np.isfinite(count) and count > 0 else None
        return capture

    def read(self) -> Frame | None:
        """Give the next frame, or None at the end."""
        item = self._frames.get()
        if isinstance(item, np.ndarray):
            return self._frame(item)
        self._frames.put(item)
        if isinstance(item, BaseException):
            message = f"{self.name} cannot be decoded after frame {self._given} ({item}): convert it again"
            raise DataError(message) from item
        if self._given == 0:
            raise DataError(f"{self.name} holds no frame that can be decoded: check that it plays elsewhere")
        # The count is an estimate in some containers, so only a large gap counts as damage.
        if self.length and self._given < 0.9 * self.length and not self.faults:
            self.faults.append(
                f"{self.name} ends after frame {self._given} of {self.length}: the file is damaged or incomplete, "
                "copy it again"
            )
        return None

    def restart(self) -> None:
        """Begin again at the first frame."""
        self.close()
        self._start()
