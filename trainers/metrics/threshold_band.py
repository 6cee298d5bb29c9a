"""The band of thresholds around the best one that are nearly as good: what a deployer can choose from."""

import numpy as np

BAND_SHARE = 0.99


def band_around(scores: np.ndarray, best: int) -> tuple[int, int]:
    """Find the first and last of the places in a row around the best one with at least `BAND_SHARE` of its score."""
    outside = np.flatnonzero(scores < BAND_SHARE * scores[best])
    first = max(outside[outside < best], default=-1) + 1
    last = min(outside[outside > best], default=len(scores)) - 1
    return int(first), int(last)
