"""Which other examples are mixed into the one at a position of the training stream."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...errors import DataError
from ..augmentation.settings import Mixed
from ..example import Source
from .order import Order, Sampler

NOTHING = Mixed()


class Others(NamedTuple):
    """Examples that are mixed into one: three of a mosaic or none, and one that is laid over it or none."""

    mosaic: Sequence
    over: Sequence


class Partners:
    """Indices of the examples that are mixed into each, a pure function of seed and position: nothing is loaded.

    They are drawn from the positions of the same epoch, so that a sampler's rare classes come as often among them;
    never the example itself unless the stream has no other. DataError where the source has none.
    """

    def __init__(self, source: Source, sampler: Sampler, epoch_length: int, seed: int, mixed: Mixed):
        if mixed.pictures > 1 and len(source) < 2:
            raise DataError(
                f"--augmentation.mosaic and --augmentation.mix-up take other pictures, and {source.name} has a single "
                "one: leave them away, or give more"
            )
        self._draw, self._length, self._seed, self._mixed = sampler.draw, epoch_length, seed, mixed

    def __getitem__(self, position: int) -> Others:
        """Give the indices into the source for a position."""
        if self._mixed.pictures == 1:
            return Others((), ())
        # The fifth number keeps it apart from the streams of `Order`, `Equibatch` and `RepeatRare`.
        rng = np.random.default_rng([self._seed, position, 0, 0, 4])
        in_mosaic, laid_over = rng.random(2) < (self._mixed.mosaic, self._mixed.mix_up)
        drawn = [self._partner(position, rng) for _ in range(3 * in_mosaic + laid_over)]
        return Others(drawn[: 3 * in_mosaic], drawn[3 * in_mosaic :])

    def _partner(self, position: int, rng: np.random.Generator) -> int:
        own, first = self._draw(position)[0], position // self._length * self._length
        place = int(rng.integers(self._length))
        for further in range(self._length):
            other = self._draw(first + (place + further) % self._length)[0]
            if other != own:
                return other
        return own


def pictures_of_step(
    source: Source,
    step: int,
    batch_size: int,
    seed: int,
    least_steps: int = 1,
    sampler: Sampler | None = None,
    mixed: Mixed = NOTHING,
) -> list[list[str]]:
    """Name what a training batch is made of: of each picture the example, as `names_of_step`, and what is mixed in."""
    order = Order(len(source), batch_size, seed, least_steps)
    partners = Partners(source, sampler or order, order.epoch_length, seed, mixed)
    made = []
    for position in range(step * batch_size, (step + 1) * batch_size):
        others = partners[position]
        indices = ((sampler or order).draw(position)[0], *others.mosaic, *others.over)
        made.append([source.names[index] for index in indices])
    return made
