"""The temperature that would fit the probabilities of classes best, and what it would do, by some of the pixels.

Dividing the logits of all classes by T changes how sure a map is, and no pixel's class. Pixels of a regular grid are
looked at, as each costs as many steps as there are classes and temperatures. Sums are whole numbers, so that parts of a
data set give the figures of one.
"""

from typing import NamedTuple

import numpy as np

from ...geometry import IGNORE
from ..streaming import Streaming
from .pixels import BINS, ROUNDING
from .reliability import Reliability

TEMPERATURES = 2.0 ** (np.arange(-12, 13) / 4)  # 1/8 to 8; a best one at the ends is none
_ENTRIES, _FEWEST, _MOST = 20_000, 128, 2048  # of a sample: scores in all, and pixels
_UNIT = 2.0**20
_SMALLEST = 1e-7


class PixelSample(NamedTuple):
    """Some pixels of a picture: their places in its rows one after another, int64 [n], and scores float32 [n, C]."""

    places: np.ndarray
    scores: np.ndarray


def sample_of(scores: np.ndarray) -> PixelSample:
    """Take pixels at even distances out of scores float [H, W, C]: 128 to 2048, the fewer the more classes."""
    height, width, classes = scores.shape
    most = int(np.clip(_ENTRIES // max(1, classes), _FEWEST, _MOST))
    step = max(1, int(np.ceil(np.sqrt(height * width / most))))
    rows, columns = np.mgrid[step // 2 : height : step, step // 2 : width : step]
    places = (rows * width + columns).ravel()
    return PixelSample(places, scores.reshape(-1, classes)[places].astype(np.float32))


class ClassTemperature(Streaming):
    """Takes in samples of pictures one by one; each pixel of all of them counts alike."""

    _sums = ("_loss", "_counts", "_confidence", "_right", "_outside")

    def __init__(self) -> None:
        # By half, see `halves`, and temperature.
        self._loss = np.zeros((2, len(TEMPERATURES)), np.int64)
        shape = (2, len(TEMPERATURES), BINS)
        self._counts, self._confidence, self._right = (np.zeros(shape, np.int64) for _ in range(3))
        self._outside = 0

    def update(self, sample: PixelSample, labels: np.ndarray, half: int = 0) -> None:
        """Take in the sample of one picture, with its labels, uint8 [H, W]; `half` tells in which of the data it is.

        Scores that are no probabilities leave nothing to measure.
        """
        labels = np.asarray(labels).ravel()[sample.places]
        scores, labels = sample.scores[labels != IGNORE], labels[labels != IGNORE].astype(np.int64)
        if not len(labels):
            return
        sums = scores.sum(axis=1)
        if not (scores.min() >= -ROUNDING and np.abs(sums - 1).max() <= 100 * ROUNDING):
            self._outside += 1
            return
        logits = np.log(np.maximum(scores, _SMALLEST))
        highest, own = logits.max(axis=1), logits[np.arange(len(labels)), labels]
        right = (logits.argmax(axis=1) == labels).astype(np.float64)
        for index, temperature in enumerate(TEMPERATURES):
            rest = np.log(np.exp((logits - highest[:, None]) / np.float32(temperature)).sum(axis=1))
            self._loss[half, index] += _whole(np.sum(rest + (highest - own) / temperature))
            confidence = np.exp(-rest.astype(np.float64))
            bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
            self._counts[half, index] += np.bincount(bins, minlength=BINS)
            self._confidence[half, index] += _whole(np.bincount(bins, weights=confidence, minlength=BINS))
            self._right[half, index] += np.bincount(bins, weights=right, minlength=BINS).astype(np.int64)

    def result(self) -> float:
        """Give the T, between 1/8 and 8, with the smallest mean negative log-likelihood; NaN where none is best."""
        if (index := self._best(self._loss.sum(axis=0))) is None:
            return float("nan")
        before, here, after = (float(value) for value in self._loss.sum(axis=0)[index - 1 : index + 2])
        bend = before - 2 * here + after
        shift = 0.5 * (before - after) / bend if bend > 0 else 0.0  # of the parabola through the three
        return float(TEMPERATURES[index] * (TEMPERATURES[1] / TEMPERATURES[0]) ** shift)

    def tempered(self) -> Reliability | None:
        """Give the bins of the sampled pixels, each half's by the temperature of the other half.

        None where one of the two has no temperature.
        """
        chosen = [self._best(self._loss[other]) for other in (1, 0)]
        if None in chosen:
            return None
        counts, confidence, right = (
            np.sum([sums[half, index] for half, index in enumerate(chosen)], axis=0)
            for sums in (self._counts, self._confidence, self._right)
        )
        return Reliability.of_sums(counts, confidence / _UNIT, right.astype(np.float64))

    def _best(self, loss: np.ndarray) -> int | None:
        index = int(loss.argmin())
        return None if self._outside or index in (0, len(loss) - 1) or not loss.any() else index


def _whole(values: np.ndarray) -> np.ndarray:
    return np.rint(values * _UNIT).astype(np.int64)
