"""One pass over the pixels: how many salient and how many background pixels lie in each of 256 bins of prediction.

Cumulated from above, the bins give the true and false positives at all thresholds k/255 at once.
"""

import cv2
import numpy as np

THRESHOLDS = np.arange(256, dtype=np.float32) / np.float32(255)
"""The thresholds of the field, float32 [256]: 0/255, 1/255, ... 255/255. A pixel is positive where p >= threshold."""

BIN_SCALE = np.float32(255 * (1 + 2.0**-21))
"""A little over 255, so that `floor(p * BIN_SCALE)` is the bin of p or one too high, never too low."""

IGNORE = 255
"""The mask value of pixels that do not count."""


def threshold_codes(saliency):
    """Give the number of the highest threshold that each prediction reaches: the largest k with p >= float32(k/255).

    Args:
        saliency: float32 array of any shape, in [0, 1].

    Returns:
        uint8 array of the same shape; exact at the thresholds and at their float32 neighbours.
    """
    bins = np.floor(saliency * BIN_SCALE)
    bins -= saliency < bins / np.float32(255)
    return bins.astype(np.uint8)


def published(saliency):
    """Stretch a map to [0, 1] by its own extremes and truncate it to 8 bits, as the published toolboxes do.

    A constant map stays as it is.

    Args:
        saliency: [H, W], uint8 (a saved map) or floating point in [0, 1].

    Returns:
        The stretched map (float), and its bins (uint8).
    """
    if saliency.dtype != np.uint8:
        stretched = _stretch(saliency, saliency.min(), saliency.max())
        return stretched, (stretched * 255).astype(np.uint8)
    # A saved map has 256 values: each is stretched once, in float64.
    levels = np.arange(256) / 255
    levels = _stretch(levels, levels[saliency.min()], levels[saliency.max()]).clip(0, 1)
    return cv2.LUT(saliency, levels.astype(np.float32)), cv2.LUT(saliency, (levels * 255).astype(np.uint8))


def _stretch(values, low, high):
    return (values - low) / (high - low) if high > low else values


def histograms(codes, mask):
    """Count the pixels of each bin, apart for background and salient pixels.

    Args:
        codes: uint8 [H, W], the bins.
        mask: uint8 [H, W] with 0 background, 1 salient, 255 ignore.

    Returns:
        float64 [2, 256]: background pixels, salient pixels.

    Raises:
        ValueError: the mask holds another value.
    """
    counts = cv2.calcHist([codes, mask], [0, 1], None, [256, 2], [0, 256, 0, 2]).T.astype(np.float64)
    # The histogram leaves out every other mask value: only then the ignored pixels have to be looked for.
    if counts.sum() < mask.size and np.any((mask > 1) & (mask != IGNORE)):
        found = sorted(set(np.unique(mask).tolist()) - {0, 1, IGNORE})
        raise ValueError(f"a mask must hold 0 (background), 1 (salient) and {IGNORE} (ignore) only, got {found[:5]}")
    return counts


def curves(background, salient, beta2):
    """Give precision, recall and F-measure at the 256 thresholds (eq. 1 and 3 of the FLoss paper).

    Where nothing is predicted, or nothing is salient, the quotient 0/0 is taken as 0, as published toolboxes do.

    Args:
        background: counts [256] of background pixels by bin.
        salient: counts [256] of salient pixels by bin.
        beta2: weight of precision against recall, beta squared.

    Returns:
        Three float64 arrays [256].
    """
    true_positives = salient[::-1].cumsum()[::-1]
    predicted = true_positives + background[::-1].cumsum()[::-1]
    precision = true_positives / np.maximum(predicted, 1)
    recall = true_positives / max(true_positives[0], 1)
    return precision, recall, f_measure(precision, recall, beta2)


def f_measure(precision, recall, beta2):
    """Give (1 + beta2) P R / (beta2 P + R), and 0 where both are 0."""
    denominator = beta2 * precision + recall
    return (1 + beta2) * precision * recall / np.where(denominator > 0, denominator, 1)
