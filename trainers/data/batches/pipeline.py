"""From a source to batches of pictures with their targets: a pure function of (seed, step), entered at any step."""

from typing import Any

import numpy as np
import tensorflow as tf

from ...geometry import InputSize, height_width
from ..augmentation.settings import ColourSettings
from ..example import Source
from ..fit import fitted_size
from ..steady import Steady
from ..targets.base import Array, Arrays, Target
from .ahead import decoding, has_records, placed
from .order import Order, Sampler, names_of_step, steps_per_epoch
from .original_size import original_size_examples
from .partners import Partners, pictures_of_step
from .service import Arrivals, own_threads
from .share import WHOLE, Share
from .stream import DecodedCache, prepared

__all__ = [
    "evaluation_batches", "names_of_step", "original_size_examples", "pictures_of_step", "steps_per_epoch",
    "training_batches",
]  # fmt: skip


def training_batches(
    source: Source,
    target: Target[Any],
    *,
    size: InputSize,
    batch_size: int,
    seed: int,
    augmentation: ColourSettings,
    resizing: str,
    sampler: Sampler | None = None,
    start_step: int = 0,
    least_steps: int = 1,
    cache_mib: float = 1024,
    room: int | None = None,
    data_service: str | None = None,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Stream augmented training batches without end.

    Epoch e takes the examples in the order `default_rng([seed, e])` permutes them; what does not fill a batch waits for
    another epoch. Example i is augmented by `default_rng([seed, e, i])`. So a stream that starts at step n, before
    which nothing is decoded, is the tail of the one that starts at 0. OpenCV is set to one thread in this process.

    Elements are (images uint8 [batch_size, h, w, 3], targets), fully static, with `targets` as in
    `Target.layout`: int32 [batch_size, size, size] for masks and class maps, {"boxes": float32 [batch_size, room, 4],
    "classes": int32 [batch_size, room]} for boxes.

    Args:
        augmentation: of the target's own kind. Where it mixes pictures, `partners.Partners` says which.
        sampler: decides which example comes when, such as `Equibatch`; None is the order above.
        least_steps: of an epoch, which on a small source is several passes, each in an order of its own.
        cache_mib: memory for decoded examples, in MiB.
        room: room for boxes in each picture; None gives as much as the source needs. Where pictures are mixed, there is
            so much for each of those that become one.
        data_service: address of a tf.data service whose workers decode, see `service.check_service`; the stream is the
            same.
        share: of which batches are given, those of one device after the other's, where several take a step together.

    Raises:
        UsageError: an argument is out of range.
        DataError: the source is empty, or an example has more boxes than there is room for. What shows only on loading
            ends the stream with a TensorFlow error that quotes the DataError; see `raising_what_was_raised`.
    """
    order = Order(len(source), batch_size, seed, least_steps)
    draw, mixed = (sampler or order).draw, augmentation.mixed
    partners = Partners(source, sampler or order, order.epoch_length, seed, mixed)
    room = target.room(source, room)
    fitted_size((1, 1), size, resizing)
    decoded = DecodedCache(source, target, cache_mib)
    own = share.of_a_device(batch_size)
    first = start_step * own * share.devices
    arrivals = Arrivals(data_service, decoded, draw, target.name, first) if data_service else None

    def checked(index: int, image: np.ndarray, *parts: np.ndarray) -> Arrays:
        target.check_room(source, index, parts, room)
        return image, *parts

    def prepare(place: np.ndarray, number: np.ndarray | int = -1, *held: np.ndarray) -> Arrays:
        position = int(place)
        index, rng, wanted = draw(position)
        made = arrivals.take(position) if arrivals and index not in decoded else (int(number), held)
        own = checked(index, *decoded.given(index, *made))
        if isinstance(source, Steady) and index in source.stand_ins:
            wanted = None  # which what stands in need not have
        others = partners[position]
        if others.mosaic or others.over:
            beside, over = ([checked(one, *decoded[one]) for one in some] for some in others)
            image, *parts = target.mix(own, beside, over, size, resizing, rng, augmentation)
        else:
            image, *parts = target.augment(own[0], own[1:], size, resizing, rng, augmentation, wanted)
        return image, *target.padded(tuple(parts), room * mixed.pictures)

    layout = target.layout(size, room * mixed.pictures)
    dataset = tf.data.Dataset.counter(start=first)
    if share != WHOLE:
        dataset = dataset.map(lambda place: share.position(place, batch_size))
    before = None
    if has_records(source) and not arrivals:
        dataset, before = placed(dataset, decoded, draw), decoding(target.name)
    dataset = prepared(dataset, prepare, _specs(size, layout), before)
    dataset = _finished(dataset.batch(own, drop_remainder=True), layout)
    return dataset.with_options(own_threads()) if arrivals else dataset


def evaluation_batches(
    source: Source,
    target: Target[Any],
    *,
    size: InputSize,
    batch_size: int,
    resizing: str,
    cache_mib: float = 512,
    room: int | None = None,
    share: Share = WHOLE,
) -> tf.data.Dataset:
    """Go through a source once, in its order, fitted to the input and otherwise as it is.

    Arguments, elements and errors are those of `training_batches`, but for the last batch, which may have fewer
    pictures, and `cache_mib`: when all fitted examples take no more than this, later passes take them from memory.
    Of several processes each gets the batches that it measures, see `Share.measured`.
    """
    room = target.room(source, room)
    fitted_size((1, 1), size, resizing)
    decoded = DecodedCache(source, target, 0)

    def prepare(place: np.ndarray) -> Arrays:
        position = int(place)
        image, *parts = decoded[position]
        target.check_room(source, position, tuple(parts), room)
        image, *parts = target.fit(image, tuple(parts), size, resizing)
        return image, *target.padded(tuple(parts), room)

    layout = target.layout(size, room)
    specs = _specs(size, layout)
    places = share.measured(len(source), batch_size)
    positions = tf.data.Dataset.from_tensor_slices(np.array(places, np.int64))
    dataset = prepared(positions, prepare, specs)
    if len(places) * sum(spec.shape.num_elements() * spec.dtype.size for spec in specs) <= cache_mib * 2**20:
        dataset = dataset.cache()
    return _finished(dataset.batch(batch_size), layout)


def _specs(size: InputSize, layout: tuple[Array, ...]) -> list[tf.TensorSpec]:
    return [
        tf.TensorSpec((*height_width(size), 3), tf.uint8),
        *(tf.TensorSpec(array.shape, array.dtype) for array in layout),
    ]


def _finished(dataset: tf.data.Dataset, layout: tuple[Array, ...]) -> tf.data.Dataset:
    """Bring batches to the dtypes that a model gets, and name the targets where there are several."""

    def element(images: tf.Tensor, *targets: tf.Tensor) -> tuple[tf.Tensor, Any]:
        given = {array.name: tf.cast(values, array.given) for array, values in zip(layout, targets, strict=True)}
        return images, given if len(given) > 1 else next(iter(given.values()))

    options = tf.data.Options()
    # Nothing is left to tune, and an iterator that is let go waits for whoever tunes, up to as long as it has lived.
    options.autotune.enabled = False
    return dataset.map(element).prefetch(tf.data.AUTOTUNE).with_options(options)
