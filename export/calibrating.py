"""Curves in exported files, put in the place of numbers that changed nothing, and what a file then gives."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..trainers.calibration.curves import Calibration
from ..trainers.files import written_beside

if TYPE_CHECKING:
    from .tasks.base import Answer

SAME = 1e-4
"""By which a file's calibrated scores may differ from what NumPy makes of its own ones."""


def put_in_place(content: bytes, written: np.ndarray, numbers: np.ndarray) -> bytes:
    """Replace the numbers `written` into a file's content by others; ValueError where they are not there once."""
    old, new = written.astype("<f4").tobytes(), numbers.astype("<f4").tobytes()
    if content.count(old) != 1 or len(old) != len(new):
        raise ValueError(f"numbers of a calibration must be in a file once, found {content.count(old)} times")
    return content.replace(old, new)


def departure(before: Answer, after: Answer, calibration: Calibration) -> str:
    """Say how a file's answers depart from what NumPy makes of those before it was calibrated; empty if nowhere."""
    for index, count in enumerate(before[3]):
        boxes, scores, classes = (part[index, :count] for part in before[:3])
        found, own, kinds = (part[index, :count] for part in after[:3])
        if after[3][index] != count or not np.array_equal(np.sort(kinds), np.sort(classes)):
            return "has other boxes once it is calibrated"
        if (np.diff(own) > 0).any():
            return "has calibrated scores that do not fall"
        wanted = calibration.scores(scores, classes)
        for kind in np.unique(classes):
            was, is_now = classes == kind, kinds == kind
            if not np.array_equal(boxes[was], found[is_now]):
                return "has its boxes in another order once it is calibrated"
            if (off := np.abs(wanted[was] - own[is_now]).max()) > SAME:
                return f"has calibrated scores that are up to {off:.2g} off"
    return ""


def write_calibrated(path: Path, written: np.ndarray, numbers: np.ndarray) -> None:
    """Replace the numbers `written` into a file by others."""
    content = put_in_place(path.read_bytes(), written, numbers)
    with written_beside(path) as beside:
        Path(beside).write_bytes(content)
