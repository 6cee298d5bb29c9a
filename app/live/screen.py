"""How large the screen is: OpenCV does not say, so the system is asked."""

import contextlib
import ctypes
import sys

SMALLEST_USUAL = (720, 1280)
"""Taken where the system does not say: (height, width)."""
SHARE = (0.85, 0.95)  # of height and width, what title bar, task bar and frame leave


class _Monitor(ctypes.Structure):
    _fields_ = [("number", ctypes.c_int), *((name, ctypes.c_short) for name in ("x", "y", "width", "height"))]


def room() -> tuple[int, int]:
    """Give the (height, width) that a window's inside may have, in pixels, on the smallest monitor."""
    try:
        height, width = _size()
    except (OSError, AttributeError):  # a library or function that is not there
        height, width = SMALLEST_USUAL
    return int(SHARE[0] * height), int(SHARE[1] * width)


def _size() -> tuple[int, int]:
    if sys.platform == "win32":
        metrics = ctypes.windll.user32.GetSystemMetrics
        return metrics(1), metrics(0)
    if sys.platform == "darwin":
        graphics = ctypes.CDLL("/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics")
        screen = graphics.CGMainDisplayID()
        return graphics.CGDisplayPixelsHigh(screen), graphics.CGDisplayPixelsWide(screen)
    return _size_of_x11()


def _size_of_x11() -> tuple[int, int]:
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    if not (display := ctypes.c_void_p(x11.XOpenDisplay(None))):
        return SMALLEST_USUAL
    try:
        sizes = [(x11.XDisplayHeight(display, 0), x11.XDisplayWidth(display, 0))]
        with contextlib.suppress(OSError):
            sizes += _monitors(ctypes.CDLL("libXinerama.so.1"), x11, display)
        return min(height for height, _ in sizes), min(width for _, width in sizes)
    finally:
        x11.XCloseDisplay(display)


def _monitors(xinerama: ctypes.CDLL, x11: ctypes.CDLL, display: ctypes.c_void_p) -> list[tuple[int, int]]:
    """List the (height, width) of each monitor: several are one large screen to X."""
    xinerama.XineramaQueryScreens.restype = ctypes.POINTER(_Monitor)
    count = ctypes.c_int()
    found = xinerama.XineramaQueryScreens(display, ctypes.byref(count))
    sizes = [(found[index].height, found[index].width) for index in range(count.value)] if found else []
    if found:
        x11.XFree(found)
    return sizes
