"""The band of thresholds around the best one that are nearly as good: what a deployer can choose from."""

import numpy as np

BAND_SHARE = 0.99
"""A threshold is in the band when its score is at least this share of the best one."""


def band_around(scores: np.ndarray, best: int) -> tuple[int, int]:
    """Find the contiguous places around the best one whose score is at least `BAND_SHARE` of the best.

    Args:
        scores: float [T], by threshold in their order, rising or falling.
        best: the place of the best score; of equal ones any.

    Returns:
        The first and the last place of the band, both in it.
    """
    outside = np.flatnonzero(scores < BAND_SHARE * scores[best])
    first = max(outside[outside < best], default=-1) + 1
    last = min(outside[outside > best], default=len(scores)) - 1
    return int(first), int(last)
