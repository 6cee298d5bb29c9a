"""How many salient and background pixels lie in each of 256 bins of prediction: true and false positives, cumulated."""

import cv2
import numpy as np

from ..geometry import IGNORE

# The thresholds of the field: a pixel is positive where p >= threshold.
THRESHOLDS = np.arange(256, dtype=np.float32) / np.float32(255)
# A little over 255, so that `floor(p * BIN_SCALE)` is the bin of p or one too high, never too low.
BIN_SCALE = np.float32(255 * (1 + 2.0**-21))


def threshold_codes(saliency: np.ndarray) -> np.ndarray:
    """Give the largest k with p >= float32(k/255) of float32 predictions in [0, 1]: uint8, exact at each threshold."""
    bins = np.floor(saliency * BIN_SCALE)
    bins -= saliency < bins / np.float32(255)
    return bins.astype(np.uint8)


def published(saliency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Stretch a map, uint8 or float in [0, 1], by its extremes unless constant; gives floats, and uint8 bins."""
    if saliency.dtype != np.uint8:
        stretched = _stretch(saliency, saliency.min(), saliency.max())
        return stretched, (stretched * 255).astype(np.uint8)
    # A saved map has 256 values: each is stretched once, in float64.
    levels = np.arange(256) / 255
    levels = _stretch(levels, levels[saliency.min()], levels[saliency.max()]).clip(0, 1)
    return cv2.LUT(saliency, levels.astype(np.float32)), cv2.LUT(saliency, (levels * 255).astype(np.uint8))


def _stretch(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return (values - low) / (high - low) if high > low else values


def histograms(codes: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Count background and salient pixels by bin, float64 [2, 256], of uint8 [H, W]; ValueError for other masks."""
    counts = cv2.calcHist([codes, mask], [0, 1], None, [256, 2], [0, 256, 0, 2]).T.astype(np.float64)
    # The histogram leaves out every other mask value: only then the ignored pixels have to be looked for.
    if counts.sum() < mask.size and np.any((mask > 1) & (mask != IGNORE)):
        found = sorted(set(np.unique(mask).tolist()) - {0, 1, IGNORE})
        raise ValueError(f"a mask must hold 0 (background), 1 (salient) and {IGNORE} (ignore) only, got {found[:5]}")
    return counts


def curves(background: np.ndarray, salient: np.ndarray, beta2: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give precision, recall and F-measure by threshold (FLoss, eq. 1 and 3) from counts of pixels by bin; 0/0 is 0."""
    true_positives = salient[::-1].cumsum()[::-1]
    predicted = true_positives + background[::-1].cumsum()[::-1]
    precision = true_positives / np.maximum(predicted, 1)
    recall = true_positives / max(true_positives[0], 1)
    return precision, recall, f_measure(precision, recall, beta2)


def f_measure(precision: np.ndarray, recall: np.ndarray, beta2: float) -> np.ndarray:
    """Give (1 + beta2) P R / (beta2 P + R), and 0 where both are 0."""
    denominator = beta2 * precision + recall
    return (1 + beta2) * precision * recall / np.where(denominator > 0, denominator, 1)
