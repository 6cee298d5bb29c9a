"""The demo's window: shows pictures, names the keys. Asks first whether there is a display."""

import os
import subprocess
import sys
import time

import cv2
import numpy as np

from ...trainers.errors import MetricfitError
from ..show.pictures import letterbox
from .screen import room

ARROWS = {
    65362: "up", 65364: "down", 65361: "previous", 65363: "next",  # X11
    2490368: "up", 2621440: "down", 2424832: "previous", 2555904: "next",  # Windows
    63232: "up", 63233: "down", 63234: "previous", 63235: "next",  # macOS
    65451: "more", 65453: "less",  # + and - of a number pad
}  # fmt: skip
LETTERS = {
    "+": "more", "=": "more", "-": "less", "_": "less", "v": "view", "1": "1", "2": "2", "3": "3", "4": "4",
    " ": "pause", "o": "objects", "s": "snapshot", "r": "record", "n": "next", "p": "previous", "h": "hide",
    "q": "quit", "\x1b": "quit",
}  # fmt: skip

TOLERANCE = 3
"""Pixels by which a window may differ from what was asked for, or a picture from the window's shape."""
_TRY_WINDOW = "import cv2; cv2.namedWindow('metricfit', cv2.WINDOW_NORMAL | cv2.WINDOW_GUI_NORMAL)"


def check_display() -> None:
    """Make sure that a window can be opened: OpenCV aborts the process where it cannot, so one of its own tries."""
    if sys.platform in ("win32", "darwin"):
        return
    advice = "start from a desktop session, or add --headless"
    # Qt's other platforms (offscreen, vnc) need neither display.
    names = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    place = next(filter(None, map(os.environ.get, names)), None)
    if place is None and sys.platform.startswith("linux"):
        raise MetricfitError(f"no display for a window (neither DISPLAY nor WAYLAND_DISPLAY is set): {advice}")
    try:
        subprocess.run([sys.executable, "-c", _TRY_WINDOW], capture_output=True, timeout=30, check=True)
    except subprocess.SubprocessError as error:
        sentence = f"no window opens on the display {place!r} (it does not answer, or refuses): {advice}"
        raise MetricfitError(sentence) from error


REDRAWN_SECONDS = 0.25
"""What is shown before a busy system has put the window up is lost, and a still picture comes only once."""


class Window:
    """A window that takes the size of its pictures until the user chooses another; they keep their aspect."""

    def __init__(self, title: str):
        # Qt would complain about its fonts on every start.
        os.environ.setdefault("QT_LOGGING_RULES", "*.warning=false")
        self._title, self._open, self._drawn = title, False, 0.0
        self.room = room()  # what its pictures may take, (height, width)
        self._picture = np.zeros((0, 0, 3), np.uint8)
        self._asked = self._canvas = (0, 0)

    def show(self, picture: np.ndarray) -> None:
        """Show a picture, uint8 [H, W, 3] RGB."""
        shape = (picture.shape[0], picture.shape[1])
        if not self._open:
            # OpenCV's own WINDOW_KEEPRATIO keeps the ratio of the first picture.
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL | cv2.WINDOW_FREERATIO | cv2.WINDOW_GUI_NORMAL)
            self._open = True
            # Before OpenCV 4.12 a window without a picture does not take the size that it is given.
            cv2.imshow(self._title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            self._resize(shape)
        elif shape != self._picture.shape[:2] and _close(self._measure(), self._asked):
            self._resize(shape)
        self._picture = picture
        self._draw()

    def _resize(self, size: tuple[int, int]) -> None:
        cv2.resizeWindow(self._title, size[1], size[0])
        self._asked = size

    def _measure(self) -> tuple[int, int]:
        """Give the (height, width) of the window's inside; what was asked for where the system does not say."""
        *_, width, height = cv2.getWindowImageRect(self._title)
        return (height, width) if min(height, width) > 0 else self._asked

    def _draw(self) -> None:
        """Draw the picture so that the window, which stretches what it is given, does not distort it."""
        picture, self._canvas = self._picture, self._measure()
        height, width = picture.shape[:2]
        scale = min(self._canvas[0] / height, self._canvas[1] / width)
        if not _close(self._canvas, (round(scale * height), round(scale * width))):
            picture = letterbox(picture, self._canvas)
        cv2.imshow(self._title, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        self._drawn = time.monotonic()

    def key(self, milliseconds: int) -> str | None:
        """Wait at most so long; gives a key's value in `ARROWS` or `LETTERS`, `quit` for a closed window, or None."""
        code = cv2.waitKeyEx(max(1, milliseconds))
        if self._open and not self._is_there():
            self._open = False
            return "quit"
        late = time.monotonic() > self._drawn + REDRAWN_SECONDS
        if self._open and (late or self._measure() != self._canvas):
            self._draw()
        if code < 0 or code in ARROWS:
            return ARROWS.get(code)
        # The upper bits hold Num Lock and the like.
        code &= 0xFFFF
        return ARROWS.get(code) or (LETTERS.get(chr(code).lower()) if code < 128 else None)

    def _is_there(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:
            # Qt ends altogether with its last window, and then refuses the question.
            return False

    def close(self) -> None:
        """Close it; may be called twice."""
        if self._open:
            self._open = False
            cv2.destroyAllWindows()


def _close(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Tell whether two sizes are the same but for a few pixels."""
    return all(abs(side - another) <= TOLERANCE for side, another in zip(size, other, strict=True))
