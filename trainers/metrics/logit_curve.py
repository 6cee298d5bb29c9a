"""F-measure over thresholds that are even in the logits, so that scaling the logits changes no F."""

import numpy as np

from ..errors import MetricfitError
from ..geometry import IGNORE
from .exact_sums import ExactSum
from .histogram import curves, f_measure
from .streaming import Streaming

LEVELS = np.arange(-512, 513) / 32  # thresholds to +-16: beyond that, float32 cannot tell probabilities from 1
ZERO = 512  # the place of the threshold 0, one half as a probability


class LogitFMeasure(Streaming):
    """Accumulates saliency maps one by one; precision and recall are averaged over the images, then F is taken."""

    _settings = ("beta2",)
    _sums = ("images", "_sum")

    def __init__(self, beta2: float = 0.3):
        self.beta2, self.images, self._sum = beta2, 0, ExactSum((2, len(LEVELS)))

    def update(self, logits: np.ndarray, mask: np.ndarray) -> None:
        """Score one map, float [H, W]; the mask is as in `FMeasureCurve.update`."""
        valid = mask != IGNORE
        if not valid.any():
            return
        places = np.clip(np.floor(32.0 * logits[valid]), -512, 512).astype(np.int64) + 512
        salient = mask[valid] == 1
        background, hits = (np.bincount(places[chosen], minlength=len(LEVELS)) for chosen in (~salient, salient))
        self.images += 1
        self._sum.add(curves(background.astype(np.float64), hits.astype(np.float64), self.beta2)[:2])

    def result(self) -> np.ndarray:
        """Give F at each of `LEVELS`, logit >= threshold, float64 [1025]; MetricfitError without a map."""
        if self.images == 0:
            raise MetricfitError("the F-measure needs an image with labelled pixels, got none: check the masks")
        precision, recall = self._sum.value / self.images
        return f_measure(precision, recall, self.beta2)
