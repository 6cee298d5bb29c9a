"""Equibatch (lovasz_softmax.md, section 3.1): a sampler that cycles over the classes."""

from functools import lru_cache

import numpy as np

from ...errors import DataError, UsageError


class Equibatch:
    """Which example stands where in a training stream that visits one class after the other.

    From counts int [n, C], the pixels of each class in each example. `cycle`, int64 [K], is one permutation of the
    classes that occur, the same in every round; the visits of a class go through the examples that have it, permuted
    anew by (seed, class, round). The crop must then keep a pixel of the class; see `Target.augment`.
    """

    def __init__(self, counts: np.ndarray, seed: int):
        if seed < 0:
            raise UsageError(f"seed must be 0 or more, got {seed}")
        self.seed = seed
        # Half of what indices usually take; they are permuted alike.
        self._examples = [np.flatnonzero(column > 0).astype(np.int32) for column in np.asarray(counts).T]
        present = np.array([index for index, examples in enumerate(self._examples) if len(examples)], np.int64)
        if not len(present):
            raise DataError("no example has a pixel of any class, so there are no classes to cycle over")
        # The third number keeps it apart from the streams of `Order`, which begin with an epoch.
        self.cycle = np.random.default_rng([seed, 0, 0, 0, 1]).permutation(present)
        self._round = lru_cache(maxsize=4 * len(present))(self._permute)

    def _permute(self, wanted: int, number: int) -> np.ndarray:
        return np.random.default_rng([self.seed, wanted, number, 0, 2]).permutation(self._examples[wanted])

    def __getitem__(self, position: int) -> tuple[int, int]:
        """Give the index into the source, and the class of which a pixel must stay."""
        visit, place = divmod(position, len(self.cycle))
        wanted = int(self.cycle[place])
        number, turn = divmod(visit, len(self._examples[wanted]))
        return int(self._round(wanted, number)[turn]), wanted

    def draw(self, position: int) -> tuple[int, np.random.Generator, int]:
        """See `order.Sampler`."""
        index, wanted = self[position]
        return index, np.random.default_rng([self.seed, position, 0, 0, 3]), wanted
