"""From a source to batches.

The training stream is a pure function of (seed, step): it can be entered at any step without decoding what comes
before, and the names of the examples of any step can be computed again.
"""

import atexit
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import cv2
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from ..errors import DataError, UsageError
from ..machine import cores
from .augment import Augmentation, augment
from .images import resize_image, resize_mask
from .sources import Example, Source

FIELDS = ("mask", "labels")
"""The parts of an example that can be the target of a pixel-wise model."""


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
        if field not in FIELDS:
            raise UsageError(f"a pipeline delivers {' or '.join(FIELDS)}, got field={field!r}")
        self.source, self.field = source, field
        self._room = int(limit_mib * 2**20)
        self._kept: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._lock = threading.Lock()

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Give image uint8 [H, W, 3] and target uint8 [H, W] of one example, not to be written to."""
        kept = self._kept.get(index)
        if kept is not None:
            return kept
        example = self.source.load(index)
        target = getattr(example, self.field)
        if target is None:
            raise DataError(f"{example.name} of {self.source.name} has no {self.field}: choose a source that has them")
        pair = (example.image, target)
        with self._lock:
            need = example.image.nbytes + target.nbytes
            if index not in self._kept and need <= self._room:
                self._kept[index] = pair
                self._room -= need
        return pair


def steps_per_epoch(source: Source, batch_size: int) -> int:
    """Count the full batches of one epoch, at least 1."""
    return Order(len(source), batch_size, 0).steps


def names_of_step(source: Source, step: int, batch_size: int, seed: int) -> list[str]:
    """Compute which examples the training stream delivers at a step, without loading anything.

    Args:
        source: The training source.
        step: 0 is the first batch of the first epoch.
        batch_size: As given to `training_batches`.
        seed: As given to `training_batches`.

    Returns:
        `batch_size` names, in the order of the batch.
    """
    order = Order(len(source), batch_size, seed)
    return [source.names[order[position][1]] for position in range(step * batch_size, (step + 1) * batch_size)]


def _workers() -> int:
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

    def guard(self, function, size: int):
        """Wrap a function position -> (image, target) so that it does nothing once the interpreter ends."""

        def call(position):
            with self._lock:
                self._entered += 1
                self._running += 1
            try:
                if self._ending:
                    return np.zeros((size, size, 3), np.uint8), np.zeros((size, size), np.uint8)
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


def _mapped(positions: tf.data.Dataset, prepare, size: int) -> tf.data.Dataset:
    """Turn positions into (image, target) of static shape by a Python function, in parallel and in order."""
    guarded = _calls.guard(prepare, size)

    def element(position):
        image, target = tf.numpy_function(guarded, [position], (tf.uint8, tf.uint8), stateful=False)
        return tf.ensure_shape(image, (size, size, 3)), tf.ensure_shape(target, (size, size))

    # Each worker prepares one picture; OpenCV's own threads would compete with them for the same cores.
    cv2.setNumThreads(1)
    return positions.map(element, num_parallel_calls=_workers(), deterministic=True)


def training_batches(
    source: Source,
    *,
    size: int,
    batch_size: int,
    seed: int,
    augmentation: Augmentation,
    start_step: int = 0,
    cache_mib: float = 1024,
    field: str = "mask",
) -> tf.data.Dataset:
    """Stream augmented training batches without end.

    Epoch e takes the examples in the order `default_rng([seed, e])` permutes them; what does not fill a batch waits for
    another epoch. Example i is augmented by `default_rng([seed, e, i])`. So a stream that starts at step n is the tail
    of the one that starts at 0. OpenCV is set to one thread in this process.

    Args:
        source: Where examples come from.
        size: Side of the pictures, in pixels.
        batch_size: Pictures a batch.
        seed: 0 or more.
        augmentation: What is varied, and how strongly.
        start_step: The step to begin with; nothing before it is decoded.
        cache_mib: Memory for decoded examples, in MiB.
        field: `mask` or `labels`.

    Returns:
        Elements (images uint8 [batch_size, size, size, 3], targets int32 [batch_size, size, size]), fully static.

    Raises:
        UsageError: If an argument is out of range.
        DataError: If the source is empty. An example that cannot be loaded ends the stream with a TensorFlow error that
            quotes the DataError.
    """
    order = Order(len(source), batch_size, seed)
    decoded = DecodedCache(source, field, cache_mib)

    def prepare(position):
        epoch, index, repeat = order[position]
        image, target = decoded[index]
        # A trailing zero leaves the generator as it is: only repeats within an epoch differ from [seed, epoch, index].
        rng = np.random.default_rng([seed, epoch, index, repeat])
        return augment(image, target, size, rng, augmentation)

    dataset = tf.data.Dataset.counter(start=start_step * batch_size)
    dataset = _mapped(dataset, prepare, size)
    dataset = dataset.batch(batch_size, drop_remainder=True)
    dataset = dataset.map(lambda images, targets: (images, tf.cast(targets, tf.int32)))
    return dataset.prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
    source: Source, *, size: int, batch_size: int, field: str = "mask", cache_mib: float = 512
) -> tf.data.Dataset:
    """Go through a source once, in its order, resized and otherwise as it is.

    Args:
        source: Where examples come from.
        size: Side of the pictures, in pixels.
        batch_size: Pictures a batch; the last may have fewer.
        field: `mask` or `labels`.
        cache_mib: When all resized examples fit into this many MiB, later passes take them from memory.

    Returns:
        Elements (images uint8 [b, size, size, 3], targets int32 [b, size, size]).
    """
    decoded = DecodedCache(source, field, 0)

    def prepare(position):
        image, target = decoded[position]
        return resize_image(image, (size, size)), resize_mask(target, (size, size))

    dataset = tf.data.Dataset.range(len(source))
    dataset = _mapped(dataset, prepare, size)
    if len(source) * size * size * 4 <= cache_mib * 2**20:
        dataset = dataset.cache()
    dataset = dataset.batch(batch_size)
    dataset = dataset.map(lambda images, targets: (images, tf.cast(targets, tf.int32)))
    return dataset.prefetch(tf.data.AUTOTUNE)


def original_size_examples(
    source: Source, size: int, batch_size: int = 16, quiet: bool = False, description: str = "evaluate"
) -> Iterator[tuple[np.ndarray, list[Example]]]:
    """Go through a source once for evaluation at the labels' own size.

    Args:
        source: Where examples come from.
        size: Side of the model's input, in pixels.
        batch_size: Pictures a batch; the last may have fewer.
        quiet: Show no progress bar.
        description: What the progress bar says.

    Yields:
        Images uint8 [b, size, size, 3], and the b examples they come from, at their own size.

    Raises:
        UsageError: If `batch_size` is below 1.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1, got {batch_size}")

    def prepare(index):
        example = source.load(index)
        return resize_image(example.image, (size, size)), example

    batch = []
    with (
        ThreadPoolExecutor(_workers()) as pool,
        tqdm(total=len(source), desc=description, unit="image", disable=quiet or None) as bar,
    ):
        # Two batches ahead keep the model busy and the memory bounded.
        for prepared in _in_order(pool, prepare, len(source), ahead=2 * batch_size):
            batch.append(prepared)
            if len(batch) == batch_size:
                yield _stacked(batch)
                bar.update(len(batch))
                batch = []
        if batch:
            yield _stacked(batch)
            bar.update(len(batch))


def _in_order(pool: ThreadPoolExecutor, function, count: int, ahead: int) -> Iterator:
    """Give function(0), function(1), ... while the next ones are computed."""
    pending = deque()
    for index in range(count):
        pending.append(pool.submit(function, index))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _stacked(batch: list[tuple[np.ndarray, Example]]) -> tuple[np.ndarray, list[Example]]:
    return np.stack([image for image, _ in batch]), [example for _, example in batch]
