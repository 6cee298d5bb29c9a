"""What the processes of a training tell each other between its steps."""

import contextlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import tensorflow as tf

from ...errors import MetricfitError
from .waiting import Wait

T = TypeVar("T")


class Exchange:
    """Hands objects from each process to all others; all have to come to the same calls in the same order.

    They are pickled: processes of one training trust each other. One process alone hands nothing over.

    Args:
        strategy: through which several processes reach each other; None for one alone.
        worker: which process this is; 0 is the chief, who writes what is kept.
        workers: how many there are.
    """

    def __init__(self, strategy: tf.distribute.Strategy | None = None, worker: int = 0, workers: int = 1) -> None:
        self.strategy, self.worker, self.workers = strategy, worker, workers
        self._gather: Callable[[np.ndarray], Any] | None = None
        self._wait: Wait | None = None

    @property
    def is_chief(self) -> bool:
        """Whether this process writes what is kept; the others write nothing."""
        return self.worker == 0

    @contextlib.contextmanager
    def waiting(self, minutes: float) -> Iterator[None]:
        """Wait meanwhile only so long for other processes, in messages and in steps that `step_begins` and ends."""
        if self.workers == 1:
            yield
            return
        self._wait = Wait(minutes)
        try:
            with self._wait.watched():
                yield
        finally:
            self._wait = None

    def step_begins(self) -> None:
        """Note that all processes are to take a step now."""
        if self._wait:
            self._wait.begin()

    def step_ends(self) -> None:
        """Note that all of them have."""
        if self._wait:
            self._wait.end()

    def all(self, what: T) -> list[T]:
        """Give what each process has handed over, in their order."""
        if self.workers == 1:
            return [what]
        body = pickle.dumps(what)
        # Numbers of 32 bits, the first of which tells how many bytes follow.
        given = np.frombuffer(len(body).to_bytes(4, "little") + body + bytes(-len(body) % 4), np.int32)
        self.step_begins()
        everything = self._gathered(given).tobytes()
        self.step_ends()
        found: list[T] = []
        while everything:
            length = int.from_bytes(everything[:4], "little")
            found.append(pickle.loads(everything[4 : 4 + length]))
            everything = everything[4 + length + -length % 4 :]
        return found

    def by_chief(self, function: Callable[[], T]) -> T:
        """Let the chief alone call a function; all get what it gives, or the error that it raises."""
        return self._first(function if self.is_chief else None)

    def together(self, function: Callable[[], T]) -> T:
        """Let every process call a function; gives its own result, unless one of them failed: then all raise that."""
        if self.workers == 1:
            return function()
        result, error = _tried(function)
        for worker, other in enumerate(self.all(error)):
            if isinstance(other, MetricfitError):
                raise error if error is not None else type(other)(f"worker {worker}: {other}")
        return result

    def added_up(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Add up arrays over the processes."""
        return [np.sum(each, axis=0, dtype=each[0].dtype) for each in zip(*self.all(list(arrays)), strict=True)]

    def _first(self, function: Callable[[], T] | None) -> T:
        if self.workers == 1:
            assert function is not None
            return function()
        result, error = self.all(_tried(function) if function else (None, None))[0]
        if error is not None:
            raise error
        return cast(T, result)

    def _gathered(self, given: np.ndarray) -> np.ndarray:
        if self._gather is None:
            strategy = self.strategy
            assert strategy is not None

            def of_device(numbers: tf.Tensor) -> tf.Tensor:
                context = tf.distribute.get_replica_context()
                place = context.replica_id_in_sync_group % (context.num_replicas_in_sync // self.workers)
                # The first device of each process speaks.
                spoken = tf.where(tf.equal(place, 0), tf.size(numbers), 0)
                return context.all_gather(numbers[:spoken], axis=0)

            self._gather = tf.function(
                lambda numbers: strategy.experimental_local_results(strategy.run(of_device, args=(numbers,)))[0],
                input_signature=[tf.TensorSpec([None], tf.int32)],
                autograph=False,
            )
        found: np.ndarray = self._gather(given).numpy()
        return found


def _tried(function: Callable[[], T]) -> tuple[Any, MetricfitError | None]:
    try:
        return function(), None
    except MetricfitError as error:
        return None, error


ALONE = Exchange()
"""One process, which has nobody to tell."""
