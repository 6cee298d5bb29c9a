"""What is particular to saliency in predict and demo: a map in the picture's own size."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from ...trainers.data.images import resize_map
from ...trainers.errors import UsageError
from ..show.overlay import TITLES, VIEWS, cut_out, foreground, overlay
from ..show.pictures import write_picture
from ..show.threshold import Threshold
from .base import AppTask

FOLDERS = {"mask": "masks", "saliency": "saliency", "cutout": "cutouts", "overlay": "overlays"}


def _check(saliency, runner) -> None:
    expected = (runner.size, runner.size)
    if np.shape(saliency) != expected:
        raise UsageError(
            f"expected a saliency model, whose result has shape {expected}; {runner.path} gives {np.shape(saliency)}: "
            "give one trained with 'metricfit train saliency'"
        )
    if not (np.isfinite(saliency).all() and saliency.min() >= -1e-3 and saliency.max() <= 1 + 1e-3):
        raise UsageError(
            f"expected a saliency model with results from 0 to 1, {runner.path} gives {saliency.min():.3g} to "
            f"{saliency.max():.3g}: export it with 'metricfit export', or give another model"
        )


def _restore(saliency, runner, size: tuple[int, int]) -> np.ndarray:
    return resize_map(saliency, size)


def _move(threshold: Threshold, step: float) -> Threshold:
    value = round(float(np.clip(threshold.value + step, 0.0, 1.0)), 2)
    return replace(threshold, value=value, origin="keys")


def describe(mask: np.ndarray) -> dict:
    """Say where the foreground is.

    Args:
        mask: uint8 [H, W], 0 or 255.

    Returns:
        `salient_share` in [0, 1], and `bounding_box` [x0, y0, x1, y1] in pixels (x1 and y1 exclusive), or None when the
        mask is empty.
    """
    x, y, width, height = cv2.boundingRect(mask)
    return {
        "salient_share": round(cv2.countNonZero(mask) / mask.size, 6),
        "bounding_box": [x, y, x + width, y + height] if width else None,
    }


class MapWriter:
    """Writes mask, map, cut-out and overlay of each picture; see `task.Writer`."""

    def __init__(self, predictor, threshold: Threshold, out: Path):
        self.threshold, self.out = threshold.value, out

    def settings(self) -> dict:
        """Give what results.json says about the threshold."""
        return {"threshold": self.threshold}

    def add(self, name: str, image: np.ndarray, saliency: np.ndarray, stem: str) -> dict:
        """Write the files of one picture; gives what results.json says about it."""
        mask = foreground(saliency, self.threshold)
        files = {
            "mask": (f"{stem}.png", mask),
            "saliency": (f"{stem}.png", np.rint(saliency * 255.0).clip(0, 255).astype(np.uint8)),
            "cutout": (f"{stem}.png", cut_out(image, saliency, self.threshold)),
            "overlay": (f"{stem}.jpg", overlay(image, saliency, self.threshold)),
        }
        for kind, (file, shown) in files.items():
            write_picture(self.out / FOLDERS[kind] / file, shown)
        return {**describe(mask), "files": {kind: f"{FOLDERS[kind]}/{file}" for kind, (file, _) in files.items()}}

    def finish(self) -> list[Path]:
        """Nothing is about all pictures."""
        return []


TASK = AppTask(
    name="saliency",
    check=_check,
    restore=_restore,
    resize=lambda saliency, size, wanted: resize_map(saliency, wanted),
    digits=2,
    move=_move,
    found=lambda saliency, threshold: "",
    views=VIEWS,
    titles=TITLES,
    snapshots={"cutout": cut_out},
    folders=FOLDERS,
    writer=MapWriter,
)
