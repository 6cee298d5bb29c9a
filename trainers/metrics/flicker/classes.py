"""Flicker of class maps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..exact_sums import ExactSum
from .base import Flicker, Followed
from .flow import sampled
from .trails import Trails


@dataclass(frozen=True, eq=False)
class ClassFlickerResult:
    """How the class maps of clips change."""

    flicker: float
    blink: float  # NaN where no clip has three frames
    by_class: dict[str, float]  # flicker of each class that is there, by its name
    followed: Followed

    def scalars(self, threshold: float = 0.0) -> dict[str, float]:
        """Give the figures, which hang on no threshold; those that do not exist are left out."""
        values = {"flicker": self.flicker, "blink": self.blink, "followed": self.followed.share}
        return {name: float(value) for name, value in values.items() if not np.isnan(value)}

    def to_dict(self) -> dict[str, Any]:
        """Give JSON-able data."""
        blink = {} if self.followed.windows == 0 else {"blink": self.blink}
        return {"flicker": self.flicker, **blink, "flicker_by_class": self.by_class, **self.followed.to_dict()}


class ClassFlicker(Flicker):
    """Flicker and blink of class maps, as of `MapFlicker`; pixels are moved to the nearest one.

    flicker = 1 - mean IoU of the class map and of the one before it, moved, over the classes that either has there.
    """

    _settings = ("class_names",)
    _sums = (*Flicker._sums, "_by_class", "_pairs_with")

    def __init__(self, class_names: Sequence[str]):
        super().__init__()
        self.class_names = tuple(class_names)
        self._by_class = ExactSum((len(self.class_names),))
        self._pairs_with = np.zeros(len(self.class_names), np.int64)

    def update(self, found: np.ndarray, trails: Trails) -> None:
        """Take in the class map of the next frame, uint8 [H, W]; ValueError for a class without a name."""
        found = np.asarray(found, np.uint8)
        if found.ndim != 2 or found.max() >= len(self.class_names):
            raise ValueError(f"a class map must be [H, W] below {len(self.class_names)}, got {found.shape}")
        super().update(found, trails)

    def result(self) -> ClassFlickerResult:
        """Give what all clips so far show; MetricfitError where no two frames were held against each other."""
        followed, sums = self.followed, self._by_class.value
        blink = float(self._blink.value) / self.windows if self.windows else float("nan")
        seen = zip(self.class_names, sums.tolist(), self._pairs_with.tolist())
        by_class = {name: total / pairs for name, total, pairs in seen if pairs}
        return ClassFlickerResult(float(self._flicker.value) / self.pairs, blink, by_class, followed)

    def _moved(self, past: np.ndarray, places: np.ndarray) -> np.ndarray:
        return sampled(past, places, nearest=True)

    def _change(self, now: np.ndarray, before: np.ndarray, known: np.ndarray) -> float:
        now, before, classes = now[known], before[known], len(self.class_names)
        both = np.bincount(now[now == before], minlength=classes)
        either = np.bincount(now, minlength=classes) + np.bincount(before, minlength=classes) - both
        there = either > 0
        changed = np.where(there, 1 - both / np.maximum(either, 1), 0.0)
        self._by_class.add(changed)
        self._pairs_with += there
        return float(changed[there].mean())

    def _blinking(self, now: np.ndarray, before: list[np.ndarray], known: list[np.ndarray]) -> float:
        back = now == before[1]
        if len(before) > 2:
            back |= known[2] & (now == before[2])
        return float(((now != before[0]) & back)[known[1]].mean())
