"""Times of a run that may last for weeks: counted in bins, so that they take the same few kilobytes for ever."""

from collections import deque

import numpy as np

SHORTEST, LONGEST = 1e-2, 1e6
"""Milliseconds; shorter and longer ones count as these."""
RATIO = 1.01
"""Of a bin's ends: a quantile is read at its middle, at most 0.5 % off."""
RECENT = 30


class Latencies:
    """How long frames took, in milliseconds."""

    def __init__(self) -> None:
        self._counts = np.zeros(1 + int(np.log(LONGEST / SHORTEST) / np.log(RATIO)), np.int64)
        self._recent: deque[float] = deque(maxlen=RECENT)

    def add(self, milliseconds: float) -> None:
        """Count a frame."""
        place = int(np.log(max(milliseconds, SHORTEST) / SHORTEST) / np.log(RATIO))
        self._counts[min(place, len(self._counts) - 1)] += 1
        self._recent.append(milliseconds)

    def __len__(self) -> int:
        return int(self._counts.sum())

    def quantile(self, share: float) -> float:
        """Give the time that a share of the frames, 0 to 1, stay below, within 0.5 %; NaN where there is none."""
        if not len(self):
            return float("nan")
        place = int(np.searchsorted(self._counts.cumsum(), max(1, np.ceil(share * len(self)))))
        return float(SHORTEST * RATIO ** (place + 0.5))

    @property
    def recent(self) -> float:
        """The median of the last frames."""
        return float(np.median(self._recent))
