"""What every pipeline is made of: the order of the training stream, a cache of decoded examples, parallel work."""

import atexit
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache

import cv2
import numpy as np
import tensorflow as tf

from ...errors import DataError, UsageError
from ...geometry import IGNORED
from ...machine import cores
from ..example import Example, Source, ignored_boxes

FIELDS = ("mask", "labels", "boxes")
"""The parts of an example that can be the target of a model."""


class Order:
    """Which example stands where in the endless training stream.

    Each epoch is a permutation of the source by (seed, epoch), cut to whole batches; of a source smaller than a batch,
    as many permutations as fill one.
    """

    def __init__(self, length: int, batch_size: int, seed: int):
        if length < 1:
            raise DataError("a training source needs at least one example, this one is empty")
        if batch_size < 1:
            raise UsageError(f"batch_size must be at least 1, got {batch_size}")
        if seed < 0:
            raise UsageError(f"seed must be 0 or more, got {seed}")
        self.length, self.seed = length, seed
        self.steps = max(1, length // batch_size)
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

    def draw(self, position: int) -> tuple[int, np.random.Generator]:
        """Give the index into the source, and the generator that augments it."""
        epoch, index, repeat = self[position]
        # A trailing zero leaves the generator as it is: only repeats within an epoch differ from [seed, epoch, index].
        return index, np.random.default_rng([self.seed, epoch, index, repeat])


def target_of(example: Example, field: str, source: Source) -> tuple[np.ndarray, ...]:
    """Take the target out of an example.

    Args:
        example: Any example.
        field: One of `FIELDS`.
        source: Where it comes from, for the error.

    Returns:
        For `mask` and `labels` (uint8 [H, W],). For `boxes` (float32 [n, 4], int32 [n]): boxes and their classes, in
        which difficult boxes and crowds are -2.

    Raises:
        DataError: If the example has no such thing.
    """
    target = getattr(example, field)
    if target is None or (field == "boxes" and example.classes is None):
        raise DataError(f"{example.name} of {source.name} has no {field}: choose a source that has them")
    if field != "boxes":
        return (target,)
    return target, np.where(ignored_boxes(example), IGNORED, example.classes).astype(np.int32)


class DecodedCache:
    """Decoded examples of a source in memory, up to a limit; safe to use from several threads.

    The first examples to come stay. An epoch visits each example once, so throwing the oldest out would lose each just
    before its next use.

    Args:
        source: Where examples come from.
        field: The target wanted, one of `FIELDS`.
        limit_mib: How much to keep, in MiB; 0 keeps nothing.
    """

    def __init__(self, source: Source, field: str, limit_mib: float):
        self.source, self.field = source, field
        self._room = int(limit_mib * 2**20)
        self._kept: dict[int, tuple[np.ndarray, ...]] = {}
        self._lock = threading.Lock()

    def __getitem__(self, index: int) -> tuple[np.ndarray, ...]:
        """Give image uint8 [H, W, 3] and the target (see `target_of`) of one example, not to be written to."""
        kept = self._kept.get(index)
        if kept is not None:
            return kept
        example = self.source.load(index)
        parts = (example.image, *target_of(example, self.field, self.source))
        with self._lock:
            need = sum(part.nbytes for part in parts)
            if index not in self._kept and need <= self._room:
                self._kept[index] = parts
                self._room -= need
        return parts


def steps_per_epoch(source: Source, batch_size: int) -> int:
    """Count the full batches of one epoch, at least 1."""
    return Order(len(source), batch_size, 0).steps


def names_of_step(source: Source, step: int, batch_size: int, seed: int) -> list[str]:
    """Compute which examples the training stream delivers at a step, without loading anything.

    Args:
        source: The training source.
        step: 0 is the first batch of the first epoch.
        batch_size: As given to the training batches.
        seed: As given to the training batches.

    Returns:
        `batch_size` names, in the order of the batch.
    """
    order = Order(len(source), batch_size, seed)
    return [source.names[order[position][1]] for position in range(step * batch_size, (step + 1) * batch_size)]


def workers() -> int:
    """Give how many pictures are prepared at once."""
    return min(16, cores())


class _Calls:
    """The Python calls that tf.data has running.

    An iterator that nobody reads any more still fills its buffers. A call that enters Python after the interpreter has
    gone aborts the process, so at exit the remaining calls are cut short and waited for.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._ending = False
        self._entered = self._running = 0
        atexit.register(self._come_to_rest)

    def guard(self, function: Callable, specs: Sequence[tf.TensorSpec]) -> Callable:
        """Wrap a function position -> arrays so that it does nothing once the interpreter ends."""

        def call(position):
            with self._lock:
                self._entered += 1
                self._running += 1
            try:
                if self._ending:
                    return [np.zeros(spec.shape, spec.dtype.as_numpy_dtype) for spec in specs]
                return function(int(position))
            finally:
                with self._lock:
                    self._running -= 1

        return call

    def _come_to_rest(self, patience: float = 10.0):
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


def prepared(positions: tf.data.Dataset, prepare: Callable, specs: Sequence[tf.TensorSpec]) -> tf.data.Dataset:
    """Turn positions into arrays of static shape by a Python function, in parallel and in order.

    Args:
        positions: Integers.
        prepare: Position -> arrays.
        specs: Shape and dtype of each array.

    Returns:
        A data set of tuples.
    """
    guarded = _calls.guard(prepare, specs)

    def element(position):
        arrays = tf.numpy_function(guarded, [position], [spec.dtype for spec in specs], stateful=False)
        return tuple(tf.ensure_shape(array, spec.shape) for array, spec in zip(arrays, specs))

    # Each worker prepares one picture; OpenCV's own threads would compete with them for the same cores.
    cv2.setNumThreads(1)
    return positions.map(element, num_parallel_calls=workers(), deterministic=True)
