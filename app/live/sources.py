"""What `--source` names: pictures one by one, a video, or a camera."""

import logging
from pathlib import Path

from ...trainers.data.images import PICTURE_SUFFIXES
from ...trainers.data.listing import surroundings
from ...trainers.data.sources import SOURCES
from ...trainers.errors import DataError, UsageError
from ..show.inputs import Picture, find_pictures, is_source
from .camera import Camera
from .frames import Frame, FrameSource
from .video import Video

log = logging.getLogger("metricfit")


class Pictures(FrameSource):
    """Pictures one by one; what cannot be read is noted in `faults` and left out."""

    stepped = True

    def __init__(self, name: str, pictures: list[Picture]):
        super().__init__(name, fps=1.0, length=len(pictures), names=[picture.name for picture in pictures])
        self._pictures, self._next, self._direction = pictures, 0, 1
        self._told: set[tuple[str, str]] = set()

    def read(self) -> Frame | None:
        """Give the next picture that can be read, or None at the end."""
        while 0 <= self._next < len(self._pictures):
            index, picture = self._next, self._pictures[self._next]
            try:
                frame = Frame(picture.load(), picture.name, index, picture.seen)
                self._tell(picture)
            except DataError as fault:
                if str(fault) not in self.faults:
                    self.faults.append(str(fault))
                self._next += self._direction
                continue
            self._next, self._direction = index + 1, 1
            return frame
        self._direction = 1
        return None

    def _tell(self, picture: Picture) -> None:
        """Say once what was mended: a picture may be shown many times."""
        for repair in picture.repairs:
            if (picture.name, repair) not in self._told:
                self._told.add((picture.name, repair))
                log.warning("repaired: %s: %s", picture.name, repair)
        picture.repairs.clear()

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


def open_frames(text: str, max_megapixels: float | None = None) -> FrameSource:
    """Open a camera number, stream address (`rtsp://...`), video file, picture, folder, or source such as `scenes`."""
    path, suffix = Path(text), Path(text).suffix.lower()
    if path.is_dir() or is_source(text) or (suffix in PICTURE_SUFFIXES and suffix != ".gif"):
        return Pictures(text, find_pictures([text], max_megapixels=max_megapixels))
    if path.is_file():
        return Video(path)
    if text.isdecimal() or "://" in text:
        return Camera(int(text) if text.isdecimal() else text)
    raise UsageError(
        f"expected --source as a camera number, a video, a picture, a folder or one of {', '.join(SOURCES)}; found "
        f"nothing at {text!r}: check the path ({surroundings(path)})"
    )
