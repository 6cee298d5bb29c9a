"""Batches of images in a row, for the mIoU over batches, that can be put together again from parts of a data set."""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np


class BatchRun:
    """Images in a row of which it is not known yet where a batch begins: that depends on the images before them.

    So every window of `batch_size` images is scored, and kept under its first image's place modulo `batch_size`.
    `score` takes a batch's confusion matrix, gives float64 [2].
    """

    def __init__(self, start: int, batch_size: int, score: Callable[[np.ndarray], np.ndarray]):
        self.start, self.images = start, 0
        self._batch_size, self._score = batch_size, score
        self._sums = np.zeros((batch_size, 2))
        self._head: list[np.ndarray] = []
        self._tail: deque[np.ndarray] = deque(maxlen=batch_size)
        self._window = np.zeros((), np.int64)

    def add(self, confusion: np.ndarray) -> None:
        """Add one image."""
        if len(self._head) < self._batch_size - 1:
            self._head.append(confusion)
        self._window = self._window + confusion - (self._tail[0] if len(self._tail) == self._batch_size else 0)
        self._tail.append(confusion)
        self.images += 1
        if self.images >= self._batch_size:
            self._sums[self.images % self._batch_size] += self._score(self._window)

    @staticmethod
    def mean(runs: Sequence["BatchRun"]) -> np.ndarray:
        """Average the scores of the batches that the runs make one after another; the last may have fewer images."""
        size, score = runs[0]._batch_size, runs[0]._score
        sums, batches = np.zeros(2), 0
        carried: list[np.ndarray] = []
        for run in runs:
            missing = -len(carried) % size
            if run.images < missing or not run.images:
                carried += list(run._tail)
                continue
            if missing:
                sums, batches = sums + score(np.sum(carried + run._head[:missing], axis=0)), batches + 1
            whole, left = divmod(run.images - missing, size)
            sums, batches = sums + run._sums[missing], batches + whole
            carried = list(run._tail)[len(run._tail) - left :]
        if carried:
            sums, batches = sums + score(np.sum(carried, axis=0)), batches + 1
        return sums / batches
