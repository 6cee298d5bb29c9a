"""From a source to batches of pictures with boxes, in the same order and as repeatable as `pipeline`."""

import numpy as np
import tensorflow as tf

from ...errors import DataError, UsageError
from ...geometry import IGNORED, PADDING
from ..example import Source
from ..fit import fit_boxes, fit_image, fit_scale
from .augment_boxes import BoxAugmentation, augment_boxes
from .stream import DecodedCache, Order, prepared, target_of


def most_boxes(source: Source) -> int:
    """Count the boxes of the example that has most, as its annotation is written: what all must have room for.

    Cheap where a source knows its `box_counts`, or a `box_bound` that none exceeds; otherwise every example is loaded.

    Args:
        source: Any source with boxes.

    Returns:
        0 or more.

    Raises:
        DataError: If an example cannot be loaded or has no boxes (not even none).
    """
    if hasattr(source, "box_counts"):
        return int(max(source.box_counts, default=0))
    if hasattr(source, "box_bound"):
        return source.box_bound
    return max((len(target_of(source.load(index), "boxes", source)[0]) for index in range(len(source))), default=0)


def _check_room(source: Source, name: str, count: int, max_boxes: int) -> None:
    if count > max_boxes:
        raise DataError(
            f"{name} of {source.name} has {count} boxes and there is room for {max_boxes}: give --max-boxes {count}"
        )


def _checked(source: Source, size: int, max_boxes: int, resizing: str) -> None:
    """Refuse what cannot work before the first picture is decoded."""
    if max_boxes < 1:
        raise UsageError(f"max_boxes must be at least 1, got {max_boxes}")
    fit_scale((1, 1), size, resizing)
    if len(source) and hasattr(source, "box_counts"):
        fullest = int(np.argmax(source.box_counts))
        _check_room(source, source.names[fullest], source.box_counts[fullest], max_boxes)


def _specs(size: int, max_boxes: int) -> tuple[tf.TensorSpec, ...]:
    return (
        tf.TensorSpec((size, size, 3), tf.uint8),
        tf.TensorSpec((max_boxes, 4), tf.float32),
        tf.TensorSpec((max_boxes,), tf.int32),
    )


def _padded(image: np.ndarray, boxes: np.ndarray, classes: np.ndarray, max_boxes: int) -> tuple[np.ndarray, ...]:
    missing = max_boxes - len(boxes)
    boxes = np.pad(boxes.astype(np.float32), ((0, missing), (0, 0)), constant_values=PADDING)
    return image, boxes, np.pad(classes.astype(np.int32), (0, missing), constant_values=PADDING)


def _named(images, boxes, classes):
    return images, {"boxes": boxes, "classes": classes}


def training_batches_boxes(
    source: Source,
    *,
    size: int,
    batch_size: int,
    seed: int,
    augmentation: BoxAugmentation,
    max_boxes: int,
    resizing: str = "pad",
    start_step: int = 0,
    cache_mib: float = 1024,
) -> tf.data.Dataset:
    """Stream augmented training batches without end; order and randomness as in `pipeline.training_batches`.

    Args:
        source: Where examples come from.
        size: Side of the pictures, in pixels.
        batch_size: Pictures a batch.
        seed: 0 or more.
        augmentation: What is varied, and how strongly.
        max_boxes: Room for boxes in each picture; see `most_boxes`.
        resizing: `pad` or `stretch`, see `boxes.fit_image`.
        start_step: The step to begin with; nothing before it is decoded.
        cache_mib: Memory for decoded examples, in MiB.

    Returns:
        Elements (images uint8 [batch_size, size, size, 3], {"boxes": float32 [batch_size, max_boxes, 4], "classes":
        int32 [batch_size, max_boxes]}), fully static. Boxes are (x0, y0, x1, y1) in pixels of the input, -1 where there
        is none; classes are -1 where there is no box and -2 for a box that neither trains nor counts.

    Raises:
        UsageError: If an argument is out of range.
        DataError: If the source is empty, or an example has more than `max_boxes`. What shows only on loading ends the
            stream with a TensorFlow error that quotes the DataError.
    """
    order = Order(len(source), batch_size, seed)
    _checked(source, size, max_boxes, resizing)
    decoded = DecodedCache(source, "boxes", cache_mib)

    def prepare(position):
        index, rng = order.draw(position)
        image, boxes, classes = decoded[index]
        _check_room(source, source.names[index], len(boxes), max_boxes)
        ignored = classes == IGNORED
        image, boxes, kept = augment_boxes(image, boxes, size, resizing, rng, augmentation, ignored=ignored)
        return _padded(image, boxes, classes[kept], max_boxes)

    dataset = tf.data.Dataset.counter(start=start_step * batch_size)
    dataset = prepared(dataset, prepare, _specs(size, max_boxes))
    dataset = dataset.batch(batch_size, drop_remainder=True)
    return dataset.map(_named).prefetch(tf.data.AUTOTUNE)


def evaluation_batches_boxes(
    source: Source, *, size: int, batch_size: int, max_boxes: int, resizing: str = "pad", cache_mib: float = 512
) -> tf.data.Dataset:
    """Go through a source once, in its order, fitted to the input and otherwise as it is.

    Args:
        source: Where examples come from.
        size: Side of the pictures, in pixels.
        batch_size: Pictures a batch; the last may have fewer.
        max_boxes: Room for boxes in each picture; see `most_boxes`.
        resizing: `pad` or `stretch`, see `boxes.fit_image`.
        cache_mib: When all fitted examples take no more than this, later passes take them from memory.

    Returns:
        Elements (images uint8 [b, size, size, 3], {"boxes": float32 [b, max_boxes, 4], "classes": int32 [b,
        max_boxes]}), as `training_batches_boxes` has them.

    Raises:
        UsageError: If an argument is out of range.
        DataError: As `training_batches_boxes`.
    """
    _checked(source, size, max_boxes, resizing)
    decoded = DecodedCache(source, "boxes", 0)

    def prepare(position):
        image, boxes, classes = decoded[position]
        _check_room(source, source.names[position], len(boxes), max_boxes)
        scale = fit_scale(image.shape[:2], size, resizing)
        return _padded(fit_image(image, size, resizing), fit_boxes(boxes, scale), classes, max_boxes)

    dataset = tf.data.Dataset.range(len(source))
    dataset = prepared(dataset, prepare, _specs(size, max_boxes))
    if len(source) * (size * size * 3 + max_boxes * 20) <= cache_mib * 2**20:
        dataset = dataset.cache()
    dataset = dataset.batch(batch_size)
    return dataset.map(_named).prefetch(tf.data.AUTOTUNE)
