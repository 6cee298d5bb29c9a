"""Intersection over union of each saliency map at 256 thresholds, averaged over the images, in NumPy."""

import numpy as np

from ..errors import MetricfitError
from .exact_sums import ExactSum
from .histogram import histograms, threshold_codes
from .streaming import Streaming


class ImageIoU(Streaming):
    """Accumulates saliency maps; 0/0 = 1 as in `Jaccard`, and an image of ignored pixels only does not count."""

    _sums = ("images", "_sum")

    def __init__(self) -> None:
        self.images, self._sum = 0, ExactSum((256,))

    def update(self, saliency: np.ndarray, mask: np.ndarray) -> None:
        """Score one map, float32 [H, W] in [0, 1]; see `histogram.histograms` for the mask."""
        background, salient = histograms(threshold_codes(np.asarray(saliency, np.float32)), mask)
        if not background.sum() + salient.sum():
            return
        both = salient[::-1].cumsum()[::-1]
        union = salient.sum() + background[::-1].cumsum()[::-1]
        self.images += 1
        self._sum.add(np.divide(both, union, out=np.ones(256), where=union > 0))

    def result(self) -> np.ndarray:
        """Give the mean IoU at the thresholds {0..255}/255, float64 [256]; MetricfitError without a map."""
        if self.images == 0:
            raise MetricfitError("the image IoU needs an image with labelled pixels, got none: check the masks")
        return self._sum.value / self.images
