"""The text over the demo's picture: figures above, keys below, readable on bright and dark pictures."""

from dataclasses import dataclass

import cv2
import numpy as np

from ..show.lettering import Colour, text_width, write_text
from ..show.threshold import Threshold

LEGEND = ("+ − threshold", "v view", "space pause", "o objects", "s snapshot", "r record", "h hide", "q quit")
PICTURE_LEGEND = (*LEGEND[:2], "n p next, previous", *LEGEND[2:5], *LEGEND[6:])

WHITE, GREY, ACCENT, RED = (255, 255, 255), (205, 205, 205), (110, 235, 215), (255, 70, 60)
PANEL_LIGHT = 0.28


@dataclass(frozen=True)
class Status:
    """What the text says."""

    view: str
    threshold: Threshold
    pace: str  # frames a second, or the picture's number
    latency: float  # milliseconds from a picture in hand to a picture drawn
    name: str = ""
    legend: tuple[str, ...] = LEGEND  # most important first
    paused: bool = False
    recording: bool = False
    message: str = ""
    found: str = ""


def draw_hud(picture: np.ndarray, status: Status) -> np.ndarray:
    """Draw the text over a copy of a picture, uint8 [H, W, 3] RGB; its size follows the picture's."""
    picture = picture.copy()
    height, width = picture.shape[:2]
    size = int(np.clip(min(height / 480, width / 560) * 16, 13, 42))
    strip = round(size * 1.9)
    if height < 3 * strip:
        return picture
    top, bottom = picture[:strip], picture[height - strip :]
    _darken(top)
    figures = filter(None, (status.threshold.on_screen, status.found, status.pace, f"{status.latency:.1f} ms"))
    end = _row(top, [(status.view, ACCENT, 700), *((text, WHITE, 400) for text in figures)], size)
    _right(top, end, status, size)
    _darken(bottom)
    _row(bottom, [(text, GREY, 400) for text in status.legend], round(size * 0.86), spread=True)
    if status.message:
        message = picture[height - 2 * strip - strip // 4 : height - strip - strip // 4]
        text = _shorten(status.message, width - 2 * size, size)
        start = (width - text_width(text, size)) // 2
        _darken(message[:, max(0, start - size) : width - start + size])
        write_text(message, text, start, size, WHITE)
    return picture


def _darken(panel: np.ndarray) -> None:
    np.copyto(panel, cv2.convertScaleAbs(panel, alpha=PANEL_LIGHT))


def _row(panel: np.ndarray, texts: list[tuple[str, Colour, int]], size: int, spread: bool = False) -> int:
    """Write texts side by side, as many as fit; return where the last one ends."""
    gap = round(size * 1.3)
    widths = [text_width(text, size, weight) for text, _, weight in texts]
    room = panel.shape[1] - 2 * gap
    while widths and sum(widths) + gap * (len(widths) - 1) > room:
        # The last entry leads out (quit), so the one before it goes first.
        drop = len(widths) - 2 if spread and len(widths) > 1 else len(widths) - 1
        widths.pop(drop)
        texts = texts[:drop] + texts[drop + 1 :]
    if spread and len(widths) > 1:
        gap = min(3 * gap, (panel.shape[1] - 2 * gap - sum(widths)) // (len(widths) - 1))
    start = round(size * 1.3)
    for (text, colour, weight), width in zip(texts, widths, strict=True):
        write_text(panel, text, start, size, colour, weight)
        start += width + gap
    return start


def _right(panel: np.ndarray, start: int, status: Status, size: int) -> None:
    """Write the state and the name at the right edge, in the room that is left."""
    edge = panel.shape[1] - size
    if status.recording:
        radius = max(3, size // 3)
        if edge - 2 * radius > start:
            cv2.circle(panel, (edge - radius, panel.shape[0] // 2), radius, RED, -1, cv2.LINE_AA)
            edge -= 2 * radius + size // 2
    name = "paused" if status.paused else status.name
    if text := _shorten(name, edge - start, size):
        write_text(panel, text, edge - text_width(text, size), size, ACCENT if status.paused else GREY)


def _shorten(text: str, room: int, size: int) -> str:
    """Cut a text from its start until it fits; empty when nothing readable would be left."""
    shorter = ["…" + text[cut:] for cut in range(1, len(text) - 5)]
    return next((one for one in (text, *shorter) if text_width(one, size) <= room), "")
