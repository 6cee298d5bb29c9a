"""Flicker of saliency maps over the threshold."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..histogram import threshold_codes
from .base import Flicker, Followed
from .flow import sampled
from .trails import Trails


@dataclass(frozen=True, eq=False)
class MapFlickerResult:
    """How the masks of clips change, by the threshold {0..255}/255 at which they are cut."""

    flicker: np.ndarray  # float64 [256]
    blink: np.ndarray  # float64 [256]; NaN where no clip has three frames
    followed: Followed

    def scalars(self, threshold: float) -> dict[str, float]:
        """Give the figures at a threshold, and their means; those that do not exist are left out."""
        at = int(threshold_codes(np.array([threshold], np.float32))[0])
        values = {
            "flicker": self.flicker[at],
            "mean_flicker": self.flicker.mean(),
            "blink": self.blink[at],
            "followed": self.followed.share,
        }
        return {name: float(value) for name, value in values.items() if not np.isnan(value)}

    def to_dict(self) -> dict[str, Any]:
        """Give the curves as JSON-able data."""
        blink = {} if self.followed.windows == 0 else {"blink": self.blink.tolist()}
        return {"flicker": self.flicker.tolist(), **blink, **self.followed.to_dict()}


class MapFlicker(Flicker):
    """Flicker and blink of maps at 256 thresholds at once; maps are moved bilinearly, and then cut.

    flicker = 1 - IoU of the mask and of the one before it, moved, over the pixels whose motion is known; 0 where both
    masks are empty there, as nothing changes. It is averaged over the pairs of frames.

    blink = share of the pixels that are what they were two or three frames before, and something else in between:
    that change and change back within three frames. It is averaged over the frames that have two before them.
    """

    def __init__(self) -> None:
        super().__init__((256,))

    def update(self, found: np.ndarray, trails: Trails) -> None:
        """Take in the map of the next frame, float [H, W] in [0, 1]; ValueError for another."""
        found = np.asarray(found, np.float32)
        if found.ndim != 2 or not (found.min() >= 0 and found.max() <= 1):
            raise ValueError(f"a map must be [H, W] in [0, 1], got {found.shape} in [{found.min()}, {found.max()}]")
        super().update(found, trails)

    def result(self) -> MapFlickerResult:
        """Give what all clips so far show; MetricfitError where no two frames were held against each other."""
        followed = self.followed
        blink = self._blink.value / self.windows if self.windows else np.full(256, np.nan)
        return MapFlickerResult(self._flicker.value / self.pairs, blink, followed)

    def _moved(self, past: np.ndarray, places: np.ndarray) -> np.ndarray:
        return sampled(past, places).clip(0, 1)

    def _change(self, now: np.ndarray, before: np.ndarray, known: np.ndarray) -> np.ndarray:
        codes, others = (threshold_codes(one[known]) for one in (now, before))
        both, either = at_least(np.minimum(codes, others)), at_least(np.maximum(codes, others))
        return 1 - np.where(either > 0, both / np.maximum(either, 1), 1.0)

    def _blinking(self, now: np.ndarray, before: list[np.ndarray], known: list[np.ndarray]) -> np.ndarray:
        # What is not known two frames before does not count; what is not known a third one before cannot have returned.
        counts = known[1]
        first, second, third, *more = (threshold_codes(one[counts]) for one in (now, *before))
        blinking = between(second, np.minimum(first, third)) + between(np.maximum(first, third), second)
        if more:
            further = known[2][counts]
            first, second, third, fourth = (one[further] for one in (first, second, third, more[0]))
            blinking += between(np.maximum(second, third), np.minimum(first, fourth))
            blinking += between(np.maximum(first, fourth), np.minimum(second, third))
        return blinking / np.count_nonzero(counts)


def at_least(codes: np.ndarray) -> np.ndarray:
    """Count codes uint8 [n] that are at least 0 to 255: float64 [256]."""
    return np.bincount(codes, minlength=256)[::-1].cumsum()[::-1].astype(np.float64)


def between(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Count for each threshold the pixels with low < threshold <= high, codes uint8 [n]: float64 [256]."""
    some = high > low
    return at_least(high[some]) - at_least(low[some])
