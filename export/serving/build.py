"""The signatures of a SavedModel that take pictures of any size, around the one that takes the network's input."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from ...trainers.geometry import InputSize, height_width
from ..signatures import ENCODED, IMAGE, IMAGE_BYTES, PICTURES, Signature, Tensors
from ..tasks.base import ExportTask, Facts
from .decoding import decode_picture
from .refusing import refused_unless
from .resizing import fitting, frame_of
from .thresholds import thresholds_in_graph

_AT_A_TIME = 4
"""Pictures that are decoded or brought to their own size at once: a large one takes hundreds of megabytes."""


def picture_signatures(
    task: ExportTask, inside: InputSize, facts: Facts, serve: tf.types.experimental.PolymorphicFunction
) -> dict[str, Signature]:
    """Give the signatures `PICTURES` and `ENCODED`, from `serve`, the function behind `serving_default`."""
    classes = max(1, len(facts.class_names))

    def restored(found: Tensors, size: tf.Tensor, thresholds: tf.Tensor) -> Tensors:
        return task.restore(found, frame_of(size[0], size[1], inside, facts.resizing), thresholds)

    # Each of these stands in the file once, for both signatures.
    size, fitted = tf.TensorSpec((2,), tf.int32), tf.TensorSpec((*height_width(inside), 3), tf.uint8)
    fit = fitting(inside, facts.resizing)
    levels = tf.TensorSpec((classes,), tf.float32)
    restore = _function(restored, _specs(serve.get_concrete_function().structured_outputs), size, levels)
    carry = _function(task.carried, _specs(restore.get_concrete_function().structured_outputs))

    def pictures(image: tf.Tensor) -> Tensors:
        shape = tf.shape(image)
        said = "pictures need at least 1 pixel a side, got the shape"
        image = refused_unless(tf.reduce_all(shape > 0), said, shape, image)
        return restore(serve(fit(image)), shape[1:3], thresholds_in_graph(classes))

    def encoded(image_bytes: tf.Tensor) -> Tensors:
        def read(one: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            image = decode_picture(one)
            return fit(image[None])[0], tf.shape(image)[:2]

        def answer(one: tuple[Tensors, tf.Tensor]) -> Tensors:
            found, own = one
            return carry(restore({name: part[None] for name, part in found.items()}, own, thresholds))

        images, sizes = tf.map_fn(read, image_bytes, fn_output_signature=(fitted, size), parallel_iterations=_AT_A_TIME)
        thresholds = thresholds_in_graph(classes)
        kinds = _specs(carry.get_concrete_function().structured_outputs)
        answers = tf.map_fn(answer, (serve(images), sizes), fn_output_signature=kinds, parallel_iterations=_AT_A_TIME)
        return {"height": sizes[:, 0], "width": sizes[:, 1], **answers}

    return {
        PICTURES: (pictures, {IMAGE: tf.TensorSpec((None, None, None, 3), tf.uint8)}),
        ENCODED: (encoded, {IMAGE_BYTES: tf.TensorSpec((None,), tf.string)}),
    }


def _function(function: Callable, *specs: object) -> tf.types.experimental.PolymorphicFunction:
    return tf.function(function, input_signature=specs, autograph=False)


def _specs(tensors: Mapping[str, tf.Tensor]) -> dict[str, tf.TensorSpec]:
    return {name: tf.TensorSpec(one.shape, one.dtype) for name, one in tensors.items()}
