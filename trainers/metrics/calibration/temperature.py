"""The temperature that would fit a map's probabilities best, by a histogram of its logits, and what it would do."""

import numpy as np

from ..histogram import histograms
from ..streaming import Streaming
from .reliability import Reliability

LARGEST = 16.0  # logits beyond it are taken for it: float32 cannot tell their probabilities from 0 and 1
PER_UNIT = 8  # bins of logits
RANGE = (0.01, 100.0)  # temperatures outside of it are none
_CENTRES = (np.arange(256) + 0.5) / PER_UNIT - LARGEST


class Temperature(Streaming):
    """Counts logits by label, picture by picture; each pixel of all of them counts alike."""

    _sums = ("_counts",)

    def __init__(self) -> None:
        self._counts = np.zeros((2, 2, 256), np.int64)  # by half, see `halves`

    def update(self, probability: np.ndarray, mask: np.ndarray, half: int = 0) -> None:
        """Take in one map, float32 [H, W] in [0, 1]; see `histogram.histograms` for the mask, uint8 [H, W].

        `half` tells in which half of the data its picture is, 0 or 1; see `halves.half_of`.
        """
        with np.errstate(divide="ignore"):
            logits = np.log(probability / (np.float32(1) - probability))
        places = np.clip((logits + np.float32(LARGEST)) * np.float32(PER_UNIT), 0, 255)
        self._counts[half] += histograms(places.astype(np.uint8), np.asarray(mask, np.uint8)).astype(np.int64)

    def result(self) -> float:
        """Give the T for which the logits divided by T have the smallest mean negative log-likelihood.

        NaN without a pixel, and where it is outside of `RANGE`: nothing is best for maps that are all right (the
        sharper, the better) or say nothing (the flatter, the better).
        """
        return _best(self._counts.sum(axis=0))

    def tempered(self, bins: int) -> Reliability | None:
        """Give the bins of the maps with their logits divided, each half's by the temperature of the other half.

        None where one of the two has no temperature.
        """
        parts = []
        for half, other in zip(self._counts, self._counts[::-1]):
            if np.isnan(temperature := _best(other)):
                return None
            chance = _chance(np.log(temperature))
            places = np.minimum((chance * bins).astype(np.int64), bins - 1)
            background, salient = half
            sums = (background + salient, (background + salient) * chance, salient)
            parts.append([np.bincount(places, weights=values, minlength=bins) for values in sums])
        counts, confidence, outcome = np.sum(parts, axis=0)
        return Reliability.of_sums(counts.astype(np.int64), confidence, outcome)


def _best(counts: np.ndarray) -> float:
    low, high = np.log(RANGE)
    if not (_slope(counts, low) < 0 < _slope(counts, high)):
        return float("nan")
    for _ in range(50):  # the loss has a single minimum over 1 / T
        middle = (low + high) / 2
        low, high = (middle, high) if _slope(counts, middle) < 0 else (low, middle)
    return float(np.exp((low + high) / 2))


def _chance(logarithm: float) -> np.ndarray:
    """Give the probability of each bin of logits, divided by T, at log T."""
    return (1 + np.tanh(_CENTRES / (2 * np.exp(logarithm)))) / 2


def _slope(counts: np.ndarray, logarithm: float) -> float:
    """Give which way the loss goes as T grows: -1 / T of its derivative by 1 / T, at log T."""
    # d/da sum of softplus(-s a z) = sum of -s z sigmoid(-s a z), with s = 1 on objects and -1 elsewhere, a = 1 / T.
    background, salient = counts
    chance = _chance(logarithm)
    return -float(np.sum(_CENTRES * (background * chance - salient * (1 - chance))))
