"""From a source to batches of pictures with class maps, as repeatable as `pipeline`, in equibatch's order if wanted."""

import tensorflow as tf

from ..example import Source
from ..fit import fit_image, fit_labels, fitted_size
from ..labels import class_counts
from .augment_labels import LabelAugmentation, augment_labels
from .equibatch import Equibatch
from .stream import DecodedCache, Order, prepared


def _specs(size: int) -> tuple[tf.TensorSpec, tf.TensorSpec]:
    return tf.TensorSpec((size, size, 3), tf.uint8), tf.TensorSpec((size, size), tf.uint8)


def _finished(dataset: tf.data.Dataset) -> tf.data.Dataset:
    dataset = dataset.map(lambda images, labels: (images, tf.cast(labels, tf.int32)))
    return dataset.prefetch(tf.data.AUTOTUNE)


def training_batches_labels(
    source: Source,
    *,
    size: int,
    batch_size: int,
    seed: int,
    augmentation: LabelAugmentation,
    resizing: str = "pad",
    equibatch: bool = False,
    start_step: int = 0,
    cache_mib: float = 1024,
    quiet: bool = False,
) -> tf.data.Dataset:
    """Stream augmented training batches without end.

    Without equibatch order and randomness are those of `pipeline.training_batches`; with it, those of `Equibatch`: of
    any |C| consecutive patches each class has a pixel in at least one.

    Args:
        source: Where examples come from; for equibatch what `labels.with_coding` gives, or a subset of it.
        size: Side of the pictures, in pixels.
        batch_size: Pictures a batch.
        seed: 0 or more.
        augmentation: What is varied, and how strongly.
        resizing: `pad` or `stretch`, see `boxes.fit_image`.
        equibatch: Cycle over the classes.
        start_step: The step to begin with; nothing before it is decoded.
        cache_mib: Memory for decoded examples, in MiB.
        quiet: No progress bar while classes are counted.

    Returns:
        Elements (images uint8 [batch_size, size, size, 3], labels int32 [batch_size, size, size] with 255 for ignore),
        fully static.

    Raises:
        UsageError: If an argument is out of range.
        DataError: If the source is empty. An example that cannot be loaded ends the stream with a TensorFlow error that
            quotes the DataError.
    """
    order = Order(len(source), batch_size, seed)
    fitted_size((1, 1), size, resizing)
    sampler = Equibatch(class_counts(source, quiet=quiet), seed) if equibatch else None
    decoded = DecodedCache(source, "labels", cache_mib)

    def prepare(position):
        if sampler is None:
            (index, rng), wanted = order.draw(position), None
        else:
            index, wanted, rng = sampler.draw(position)
        image, labels = decoded[index]
        return augment_labels(image, labels, size, resizing, rng, augmentation, wanted=wanted)

    dataset = tf.data.Dataset.counter(start=start_step * batch_size)
    dataset = prepared(dataset, prepare, _specs(size))
    return _finished(dataset.batch(batch_size, drop_remainder=True))


def evaluation_batches_labels(
    source: Source, *, size: int, batch_size: int, resizing: str = "pad", cache_mib: float = 512
) -> tf.data.Dataset:
    """Go through a source once, in its order, fitted to the input and otherwise as it is.

    Args:
        source: Where examples come from.
        size: Side of the pictures, in pixels.
        batch_size: Pictures a batch; the last may have fewer.
        resizing: `pad` or `stretch`, see `boxes.fit_image`.
        cache_mib: When all fitted examples fit into this many MiB, later passes take them from memory.

    Returns:
        Elements (images uint8 [b, size, size, 3], labels int32 [b, size, size] with 255 for ignore).
    """
    decoded = DecodedCache(source, "labels", 0)

    def prepare(position):
        image, labels = decoded[position]
        return fit_image(image, size, resizing), fit_labels(labels, size, resizing)

    dataset = tf.data.Dataset.range(len(source))
    dataset = prepared(dataset, prepare, _specs(size))
    if len(source) * size * size * 4 <= cache_mib * 2**20:
        dataset = dataset.cache()
    return _finished(dataset.batch(batch_size))
