"""Expected calibration error of pixels: of saliency's probabilities, and of the likeliest classes' confidence.

Everything is counted in whole numbers, so that parts of a data set give the figures of one: confidences are rounded to
1 / 65025, in two steps of 255 levels each.
"""

import functools

import cv2
import numpy as np

from ...geometry import IGNORE
from ..histogram import histograms, threshold_codes
from ..streaming import Streaming
from .reliability import Reliability

BINS = 15  # Guo et al., section 4
ROUNDING = 1e-4  # that resizing and averaging may lead beyond 1
_LEVELS = 255


class PixelCalibration(Streaming):
    """Takes in pictures one by one; each pixel of all of them counts alike.

    Args:
        bins: of equal width; ValueError for a number that does not divide 255, of whose codes they are made.
    """

    _settings = ("bins",)
    _sums = ("_counts", "_confidence", "_outside")

    def __init__(self, bins: int = BINS):
        if bins < 1 or _LEVELS % bins:
            raise ValueError(f"bins must divide {_LEVELS}, got {bins}")
        self.bins = bins
        self._counts = np.zeros((2, bins), np.int64)
        self._confidence = np.zeros(bins, np.int64)  # sums, in units of 1 / _LEVELS^2
        self._outside = 0

    def update(self, confidence: np.ndarray, outcome: np.ndarray) -> None:
        """Take in one picture: float [H, W], and integer [H, W] of 1 where it came true, 0 where not, 255 uncounted.

        ValueError for other shapes or outcomes; a confidence that is no probability leaves nothing to measure.
        """
        confidence, outcome = np.asarray(confidence, np.float32), np.asarray(outcome, np.uint8)
        if confidence.shape != outcome.shape:
            raise ValueError(f"confidence and outcome must share one shape, got {confidence.shape}, {outcome.shape}")
        if confidence.size and not (confidence.min() >= 0 and confidence.max() <= 1):
            self._outside += int(np.count_nonzero(~((confidence >= 0) & (confidence <= 1 + ROUNDING))))
            confidence = np.nan_to_num(confidence, nan=0.0).clip(0, 1)
        codes = threshold_codes(confidence)
        self.add(confidence, outcome, codes, histograms(codes, outcome))

    def add(self, confidence: np.ndarray, outcome: np.ndarray, codes: np.ndarray, by_code: np.ndarray) -> None:
        """Take in one picture of probabilities float32 whose codes, uint8 [H, W], are counted, [2, 256], already."""
        counts = by_code.astype(np.int64)
        valid = (outcome != IGNORE).view(np.uint8) if counts.sum() < outcome.size else None
        # What is left of a confidence above its code: histograms take a fifth of the time of weighted sums.
        rest = (confidence * np.float32(_LEVELS**2) + np.float32(0.5)).astype(np.uint16) - codes * np.uint16(_LEVELS)
        places = cv2.LUT(codes, _bin_of_code(self.bins))
        rests = cv2.calcHist([places, rest.astype(np.uint8)], [0, 1], valid, [self.bins, 256], [0, self.bins, 0, 256])
        self._counts += self._binned(counts)
        self._confidence += self._binned(counts.sum(axis=0) * np.arange(256) * _LEVELS)
        self._confidence += rests.astype(np.int64) @ np.arange(256)

    def _binned(self, by_code: np.ndarray) -> np.ndarray:
        """Add up [..., 256] by bin; the last code is of 1 alone."""
        whole: np.ndarray = by_code[..., :_LEVELS].reshape(*by_code.shape[:-1], self.bins, -1).sum(axis=-1)
        whole[..., -1] += by_code[..., _LEVELS]
        return whole

    def result(self) -> Reliability | None:
        """Give the bins of all pictures so far; None where confidences were no probabilities, such as logits."""
        if self._outside:
            return None
        background, hits = self._counts
        return Reliability.of_sums(background + hits, self._confidence / _LEVELS**2, hits.astype(np.float64))


@functools.cache
def _bin_of_code(bins: int) -> np.ndarray:
    return np.minimum(np.arange(256) // (_LEVELS // bins), bins - 1).astype(np.uint8)
