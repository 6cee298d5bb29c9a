"""What OpenCV writes on the screen by itself."""

import contextlib
from collections.abc import Iterator
from typing import Any

import cv2

_SILENT = 0
_LOG: Any = getattr(cv2.utils, "logging", cv2)  # OpenCV 4.11 has these functions in cv2 itself


def silence_opencv() -> None:
    """Keep OpenCV's own lines off the screen, for this process."""
    _LOG.setLogLevel(_SILENT)


@contextlib.contextmanager
def quiet_opencv() -> Iterator[None]:
    """Keep OpenCV's own lines about a device or file off the screen; the caller says it in one sentence."""
    level = _LOG.getLogLevel()
    silence_opencv()
    try:
        yield
    finally:
        _LOG.setLogLevel(level)
