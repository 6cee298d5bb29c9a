"""From a source to batches of pictures with masks or class maps.

The training stream is a pure function of (seed, step): it can be entered at any step without decoding what comes
before, and the names of the examples of any step can be computed again.
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tensorflow as tf
from tqdm import tqdm

from ...errors import UsageError
from ..example import Example, Source
from ..fit import fit_image
from ..images import resize_image, resize_mask
from .augment_masks import Augmentation, augment
from .stream import DecodedCache, Order, names_of_step, prepared, steps_per_epoch, workers

__all__ = [
    "FIELDS",
    "DecodedCache",
    "evaluation_batches",
    "names_of_step",
    "original_size_examples",
    "steps_per_epoch",
    "training_batches",
]

FIELDS = ("mask", "labels")
"""The parts of an example that can be the target of a pixel-wise model."""


def _decoded(source: Source, field: str, limit_mib: float) -> DecodedCache:
    if field not in FIELDS:
        raise UsageError(f"a pipeline delivers {' or '.join(FIELDS)}, got field={field!r}")
    return DecodedCache(source, field, limit_mib)


def _specs(size: int) -> tuple[tf.TensorSpec, tf.TensorSpec]:
    return tf.TensorSpec((size, size, 3), tf.uint8), tf.TensorSpec((size, size), tf.uint8)


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
    decoded = _decoded(source, field, cache_mib)

    def prepare(position):
        index, rng = order.draw(position)
        image, target = decoded[index]
        return augment(image, target, size, rng, augmentation)

    dataset = tf.data.Dataset.counter(start=start_step * batch_size)
    dataset = prepared(dataset, prepare, _specs(size))
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
    decoded = _decoded(source, field, 0)

    def prepare(position):
        image, target = decoded[position]
        return resize_image(image, (size, size)), resize_mask(target, (size, size))

    dataset = tf.data.Dataset.range(len(source))
    dataset = prepared(dataset, prepare, _specs(size))
    if len(source) * size * size * 4 <= cache_mib * 2**20:
        dataset = dataset.cache()
    dataset = dataset.batch(batch_size)
    dataset = dataset.map(lambda images, targets: (images, tf.cast(targets, tf.int32)))
    return dataset.prefetch(tf.data.AUTOTUNE)


def original_size_examples(
    source: Source,
    size: int,
    batch_size: int = 16,
    quiet: bool = False,
    description: str = "evaluate",
    resizing: str = "stretch",
) -> Iterator[tuple[np.ndarray, list[Example]]]:
    """Go through a source once for evaluation at the labels' own size.

    Args:
        source: Where examples come from.
        size: Side of the model's input, in pixels.
        batch_size: Pictures a batch; the last may have fewer.
        quiet: Show no progress bar.
        description: What the progress bar says.
        resizing: How a picture becomes the input, `stretch` or `pad`; see `boxes.fit_image`.

    Yields:
        Images uint8 [b, size, size, 3], and the b examples they come from, at their own size.

    Raises:
        UsageError: If `batch_size` is below 1.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1, got {batch_size}")

    def prepare(index):
        example = source.load(index)
        return fit_image(example.image, size, resizing), example

    batch = []
    with (
        ThreadPoolExecutor(workers()) as pool,
        tqdm(total=len(source), desc=description, unit="image", disable=quiet or None) as bar,
    ):
        # Two batches ahead keep the model busy and the memory bounded.
        for pair in _in_order(pool, prepare, len(source), ahead=2 * batch_size):
            batch.append(pair)
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
