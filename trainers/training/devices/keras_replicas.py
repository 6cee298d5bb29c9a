"""What Keras' `fit` lacks for several devices: the one place that touches its private names, and for which versions."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras

from ...errors import UsageError

FROM, BELOW = (3, 10), (3, 16)
"""Keras versions whose private names were read, and found to be as they are used here."""


def check_keras() -> None:
    """Refuse versions of Keras that nobody has looked into."""
    version = tuple(int(part) for part in keras.__version__.split(".")[:2])
    if not FROM <= version < BELOW:
        first, last = (".".join(map(str, one)) for one in (FROM, (BELOW[0], BELOW[1] - 1)))
        raise UsageError(
            f"--strategy needs Keras {first} to {last}, whose `fit` is known on several devices, this is "
            f"{keras.__version__}: install one of these, or train with --strategy one"
        )


def without_second_sum(optimizer: keras.optimizers.Optimizer) -> None:
    """Let an optimizer take gradients that are those of all devices already.

    By itself it clips those of each device before it adds them up, which is another step than that of one device.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    inner._all_reduce_sum_gradients = list


@contextlib.contextmanager
def fitting(model: keras.Model, measure: Callable[[Any], dict[str, float]] | None) -> Iterator[None]:
    """Let `fit` of a model that is built, and made under a strategy, run on several devices meanwhile.

    Keras would build it once more of batches that it cannot reduce under several workers, take the means of logs over
    the axis 0 of scalars, where our steps give the same logs on all devices, and divide the selection data unevenly.

    Args:
        model: with steps that are guarded.
        measure: takes the place of `evaluate`, is given Keras' list of callbacks, and gives logs; None changes nothing.
    """
    if measure is None:
        yield
        return
    from keras.src.backend.tensorflow import trainer

    several = trainer._collective_all_reduce_multi_worker
    trainer._collective_all_reduce_multi_worker = lambda strategy: False
    model._maybe_symbolic_build = lambda *arguments, **settings: None
    model.evaluate = lambda *arguments, callbacks, **settings: measure(callbacks)
    try:
        yield
    finally:
        trainer._collective_all_reduce_multi_worker = several
        del model._maybe_symbolic_build, model.evaluate
