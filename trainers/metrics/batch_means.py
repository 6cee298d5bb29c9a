"""Batches of images in a row, for the mIoU over batches, that can be put together again from parts of a data set."""

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from .exact_sums import ExactSum


class BatchRun:
    """Images in a row of which it is not known yet where a batch begins: that depends on the images before them.

    So every window of `batch_size` images is scored, and kept under its first image's place modulo `batch_size`.
    `score` takes a batch's confusion matrix, gives float64 [2]. The run holds what counts of the positions from `start`
    to `stop` in the data set, which has to be moved by whoever adds to it.
    """

    def __init__(self, start: int, batch_size: int, score: Callable[[np.ndarray], np.ndarray]):
        self.start = self.stop = start
        self.images = 0
        self._batch_size, self._score = batch_size, score
        self._sums = [ExactSum((2,)) for _ in range(batch_size)]
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
            self._sums[self.images % self._batch_size].add(self._score(self._window))

    def join(self, following: "BatchRun") -> None:
        """Take in the run that begins where this one stops: of many parts in a row one run is left."""
        size, before = self._batch_size, list(self._tail)[-(self._batch_size - 1) :] if self._batch_size > 1 else []
        row = before + following._head
        sums = [following._sums[(place - self.images) % size] for place in range(size)]
        self._sums = [mine + theirs for mine, theirs in zip(self._sums, sums)]
        # The batches that begin in this run and end in the other.
        for place in range(min(len(before), len(row) - size + 1)):
            first = self.images - len(before) + place
            self._sums[first % size].add(self._score(np.sum(row[place : place + size], axis=0)))
        if self.images < size - 1:
            self._head += following._head[: size - 1 - self.images]
        self._tail.extend(following._tail)
        self._window = np.sum(self._tail, axis=0) if self._tail else self._window
        self.images, self.stop = self.images + following.images, following.stop

    @staticmethod
    def joined(runs: Sequence["BatchRun"]) -> list["BatchRun"]:
        """Join those of the runs, ordered by their start, that follow on one another; they are changed."""
        first, *others = runs
        found = [first]
        for run in others:
            if found[-1].stop == run.start:
                found[-1].join(run)
            else:
                found.append(run)
        return found

    @staticmethod
    def mean(runs: Sequence["BatchRun"]) -> np.ndarray:
        """Average the scores of the batches that the runs make one after another; the last may have fewer images."""
        size, score = runs[0]._batch_size, runs[0]._score
        total, batches = ExactSum((2,)), 0
        carried: list[np.ndarray] = []
        for run in runs:
            missing = -len(carried) % size
            if run.images < missing or not run.images:
                carried += list(run._tail)
                continue
            if missing:
                total.add(score(np.sum(carried + run._head[:missing], axis=0)))
                batches += 1
            whole, left = divmod(run.images - missing, size)
            total, batches = total + run._sums[missing], batches + whole
            carried = list(run._tail)[len(run._tail) - left :]
        if carried:
            total.add(score(np.sum(carried, axis=0)))
            batches += 1
        return total.value / batches
