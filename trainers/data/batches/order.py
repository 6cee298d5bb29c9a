"""Which example stands where in the training stream, a pure function of seed and position."""

from functools import lru_cache
from typing import Protocol

import numpy as np

from ...errors import DataError, UsageError
from ..example import Source


class Sampler(Protocol):
    """What decides which example stands where: `Order`, or `Equibatch`."""

    def draw(self, position: int) -> tuple[int, np.random.Generator, int | None]:
        """Give the index into the source, the generator that augments it, and the class of which a pixel must stay."""


class Order:
    """The endless training stream, in epochs of whole batches: a permutation by (seed, epoch), or several in a row."""

    def __init__(self, length: int, batch_size: int, seed: int, least_steps: int = 1):
        if length < 1:
            raise DataError("a training source needs at least one example, this one is empty")
        if batch_size < 1:
            raise UsageError(f"batch_size must be at least 1, got {batch_size}")
        if seed < 0:
            raise UsageError(f"seed must be 0 or more, got {seed}")
        self.length, self.seed = length, seed
        self.steps = max(1, least_steps, length // batch_size)
        self.epoch_length = self.steps * batch_size
        # Batches are prepared in parallel, so two epochs can be in use at once.
        self._epoch = lru_cache(maxsize=4)(self._permute)

    def _permute(self, epoch: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, epoch])
        rounds = -(-self.epoch_length // self.length)
        return np.concatenate([rng.permutation(self.length) for _ in range(rounds)])[: self.epoch_length]

    def __getitem__(self, position: int) -> tuple[int, int, int]:
        """Give the epoch, the index into the source, and how often the index came before in its epoch."""
        epoch, place = divmod(position, self.epoch_length)
        return epoch, int(self._epoch(epoch)[place]), place // self.length

    def draw(self, position: int) -> tuple[int, np.random.Generator, None]:
        """See `Sampler`; no class is wanted."""
        epoch, index, repeat = self[position]
        # A trailing zero leaves the generator as it is: only repeats within an epoch differ from [seed, epoch, index].
        return index, np.random.default_rng([self.seed, epoch, index, repeat]), None


def steps_per_epoch(source: Source, batch_size: int, least_steps: int = 1) -> int:
    """Count the full batches of one pass over a source, at least `least_steps`."""
    return Order(len(source), batch_size, 0, least_steps).steps


def names_of_step(
    source: Source, step: int, batch_size: int, seed: int, least_steps: int = 1, sampler: Sampler | None = None
) -> list[str]:
    """Compute which examples the training stream delivers at a step, counted from 0, without loading anything."""
    draw = (sampler or Order(len(source), batch_size, seed, least_steps)).draw
    return [source.names[draw(position)[0]] for position in range(step * batch_size, (step + 1) * batch_size)]
