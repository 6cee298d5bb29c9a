"""The band of thresholds around the best one that are nearly as good: what a deployer can choose from."""

import numpy as np

BAND_SHARE = 0.99
"""A threshold is in the band when its score is at least this share of the best one."""


def band_around(scores: np.ndarray, best: int) -> tuple[int, int]:
    """Find the first and last of the places in a row around the best one with at least `BAND_SHARE` of its score.

    The scores, float [T], stand in the order of their thresholds, rising or falling; of equal best ones any is taken.
    """
    outside = np.flatnonzero(scores < BAND_SHARE * scores[best])
    first = max(outside[outside < best], default=-1) + 1
    last = min(outside[outside > best], default=len(scores)) - 1
    return int(first), int(last)
