"""What the pipeline is made of: a cache of decoded examples, and parallel work."""

import atexit
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
import tensorflow as tf

from ...machine import workers
from ..example import Example, Source
from ..large.turns import TURNS
from ..targets.base import Arrays, Target

Prepare = Callable[..., Sequence[np.ndarray]]
"""From a position, and from what was made of it before, to arrays."""


class DecodedCache:
    """Decoded examples in memory, the first to come up to a limit; safe to use from several threads.

    Pictures are kept in all the pixels that are read of them: a crop of anything smaller would be other bytes.
    """

    def __init__(self, source: Source, target: Target[Any], limit_mib: float):
        self.source, self.target = source, target
        self._room = int(limit_mib * 2**20)
        self._kept: dict[int, Arrays] = {}
        self._lock = threading.Lock()

    def __getitem__(self, index: int) -> Arrays:
        """Give image uint8 [H, W, 3] and the parts of the target of one example, not to be written to."""
        kept = self._kept.get(index)
        if kept is not None:
            return kept
        return self._keep(index, self.source.load(index))

    def __contains__(self, index: int) -> bool:
        return index in self._kept

    def given(self, index: int, number: int, held: Sequence[np.ndarray]) -> Arrays:
        """Give the same of an example of which something is decoded already, as is said by its number.

        See `packed.records.Held`; where there is nothing, it is loaded.
        """
        found = self.source.record(index)
        if found is None or not held or not held[0].size:
            return self[index]
        if number != index:
            raise ValueError(f"example {number} was decoded in place of {index}")
        packed, number = found
        with packed.lent(number, held):
            return self[index]

    def _keep(self, index: int, example: Example) -> Arrays:
        parts = (example.image, *self.target.of(example, self.source))
        with self._lock:
            need = sum(part.nbytes for part in parts)
            if index not in self._kept and need <= self._room:
                self._kept[index] = parts
                self._room -= need
        return parts


class _Calls:
    """The Python calls that tf.data has running, waited for at exit: a later call aborts the process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ending = False
        self._entered = self._running = 0
        self.failed: deque[Exception] = deque(maxlen=64)  # what calls raised, the latest last
        atexit.register(self._come_to_rest)

    def guard(self, function: Prepare, specs: Sequence[tf.TensorSpec]) -> Prepare:
        """Wrap a function position -> arrays so that it does nothing once the interpreter ends."""

        def call(position: int, *made: np.ndarray) -> Sequence[np.ndarray]:
            with self._lock:
                self._entered += 1
                self._running += 1
            try:
                if self._ending:
                    return [np.zeros([side or 0 for side in spec.shape], spec.dtype.as_numpy_dtype) for spec in specs]
                with TURNS.taken():
                    return function(position, *made)
            except Exception as error:
                self.failed.append(error)
                raise
            finally:
                with self._lock:
                    self._running -= 1

        return call

    def _come_to_rest(self, patience: float = 10.0) -> None:
        if not self._entered:
            return
        self._ending = True
        end, seen, quiet = time.monotonic() + patience, -1, 0
        # Full buffers show in that no call comes for a while.
        while quiet < 10 and time.monotonic() < end:
            quiet = quiet + 1 if self._entered == seen and not self._running else 0
            seen = self._entered
            time.sleep(0.01)


_calls = _Calls()


def prepared(
    positions: tf.data.Dataset,
    prepare: Prepare,
    specs: Sequence[tf.TensorSpec],
    before: Callable[..., tuple[tf.Tensor, ...]] | None = None,
) -> tf.data.Dataset:
    """Turn positions into tuples of arrays of static shape by a Python function, in parallel and in order.

    With `before`, TensorFlow makes something of what stands beside each position, which the function gets, too.
    """

    def element(position: tf.Tensor, *beside: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return called(prepare, specs, position, *(before(*beside) if before else ()))

    # Each worker prepares one picture; OpenCV's own threads would compete with them for the same cores.
    cv2.setNumThreads(1)
    return positions.map(element, num_parallel_calls=workers(), deterministic=True)


def called(function: Prepare, specs: Sequence[tf.TensorSpec], *arguments: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Call a Python function of a position, and of what was made of it, as a part of a graph."""
    arrays = tf.numpy_function(_calls.guard(function, specs), arguments, [spec.dtype for spec in specs], stateful=False)
    return tuple(tf.ensure_shape(array, spec.shape) for array, spec in zip(arrays, specs))


@contextlib.contextmanager
def raising_what_was_raised() -> Iterator[None]:
    """Raise what failed in a stream's Python code itself, not TensorFlow's error, which quotes it among the graph's."""
    try:
        yield
    except tf.errors.OpError as error:
        # It may be of another stream, whose batches nobody waited for.
        quoted = (one for one in _calls.failed if str(one) and str(one) in str(error))
        if (failed := next(quoted, None)) is None:
            raise
        raise failed from None
    finally:
        _calls.failed.clear()
