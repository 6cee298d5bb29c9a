"""Weights of classes from how often they occur, for losses that take `class_weights`."""

import numpy as np

from ...errors import DataError

KINDS = ("none", "balanced", "log")


def class_weights(counts: np.ndarray, kind: str) -> list[float]:
    """Compute a weight for each class from its pixels in each example, int [n, C]; the mean over all pixels is 1.

    The kind is "balanced", the median frequency over that of the class, which is its share of the pixels of the
    examples that have it (Eigen and Fergus, ICCV 2015, section 6.3.2), or "log", 1 / ln(1.02 + share of all pixels)
    (Paszke et al., ENet, 2016, section 5.2). A class without a pixel gets 0.
    """
    # Whole numbers below 2^53, so that sums in float64 are exact in any order.
    pixels = counts.sum(axis=0, dtype=np.float64)
    if not pixels.any():
        raise DataError("no example has a pixel of any class, so classes cannot be weighted")
    there, share = pixels > 0, pixels / pixels.sum()
    if kind == "balanced":
        whole = counts.sum(axis=1, dtype=np.float64)
        beside = np.array([whole[column > 0].sum() for column in counts.T])
        frequency = pixels[there] / beside[there]
        found = np.median(frequency) / frequency
    elif kind == "log":
        found = 1 / np.log(1.02 + share[there])
    else:
        raise ValueError(f"class weights are {' or '.join(KINDS[1:])}, got {kind!r}")
    weights = np.zeros(len(pixels))
    weights[there] = found / (found @ share[there])
    return weights.tolist()
