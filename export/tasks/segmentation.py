"""Segmentation in an export: probabilities and the class map, as two signatures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..signatures import SIGNATURE, Stages, Tensors
from .base import ExportTask, Facts, Runs, figure, square_side

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from ...trainers.data.example import Source
PROBABILITIES, LABELS = "probabilities", "labels"
LABELS_SIGNATURE = "labels"
OUTPUTS = {
    PROBABILITIES: "[B, S, S, C], of each class of each pixel, 0 to 1, adding up to 1; signature serving_default",
    LABELS: "[B, S, S], index of the likeliest class in the card's class_names; signature labels",
}
_PICTURES = 8  # on which the two signatures are compared with each other
_TIE = 1e-6


class SegmentationExport(ExportTask):
    """Segmentation; see `ExportTask`."""

    name = "segmentation"
    outputs = OUTPUTS
    main = ("dataset_miou_present", "pixel_accuracy")
    form = "probabilities [B, S, S, C]"
    # How segmentation is trained by default.
    facts = Facts(resizing="pad", threshold=0.0)
    measures = (figure("dataset_miou_present"), figure("image_miou_present"), figure("pixel_accuracy"))
    agreements = (figure("largest_difference", "parity", ".1e"), figure("mean_difference", "parity", ".1e"))
    columns = ("dataset_miou_present", "image_miou_present", "pixel_accuracy", "largest_difference", "mean_difference")

    def find_size(self, image: list, outputs: Mapping[str, list]) -> int | None:
        """Look for several maps of the input's size."""
        size = square_side(image)
        if not size or len(outputs) != 1:
            return None
        (shape,) = map(list, outputs.values())
        return size if shape[1:3] == [size, size] and len(shape) == 4 and (shape[3] or 0) > 1 else None

    def keras_size(self, model: keras.Model) -> int | None:
        """Look for the layer that makes logits of classes."""
        from ...trainers.models.layers.class_logits import logits_layer

        return model.input_shape[1] if logits_layer(model) else None

    def keras_facts(self, model: keras.Model) -> Facts:
        """Ask that layer for names and resizing."""
        from ...trainers.colours import class_palette
        from ...trainers.models.layers.class_logits import logits_layer

        layer = logits_layer(model)
        if layer is None:
            raise ValueError(f"{model.name} has no layer ClassLogits")
        palette = tuple(tuple(colour) for colour in class_palette(layer.class_names).tolist())
        return Facts(tuple(layer.class_names), palette, layer.resizing, 0.0)

    def stages(self, model: keras.Model) -> Stages:
        """Give the logits apart from softmax and argmax."""
        import tensorflow as tf

        def body(image: tf.Tensor) -> Tensors:
            return {"class_logits": tf.cast(model(image, training=False), tf.float32)}

        def probabilities(class_logits: tf.Tensor) -> Tensors:
            return {PROBABILITIES: tf.nn.softmax(class_logits)}

        def labels(class_logits: tf.Tensor) -> Tensors:
            return {LABELS: tf.cast(tf.argmax(class_logits, axis=-1, output_type=tf.int32), tf.uint8)}

        return Stages(body, {SIGNATURE: probabilities, LABELS_SIGNATURE: labels})

    def contradiction(self, runner: Runs, source: Source) -> str | None:
        """Find a picture whose class map is not that of its probabilities."""
        for index in range(min(_PICTURES, len(source))):
            images = runner.fit(source.load(index).image)[None]
            labels = runner.outputs(images, LABELS_SIGNATURE)[LABELS]
            probabilities = np.asarray(runner(images))
            chosen = np.take_along_axis(probabilities, labels[..., None].astype(np.intp), axis=-1)[..., 0]
            if not (chosen >= probabilities.max(axis=-1) - _TIE).all():
                name = source.names[index]
                return f"the labels of {runner.path} are not the classes of its largest probabilities on {name}"
        return None
