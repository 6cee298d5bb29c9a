"""Segmentation in an export: probabilities and the class map, as two signatures."""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from ..signatures import SIGNATURE, KerasModel, Stages, Tensors
from .base import Answer, ExportTask, Facts, figure, square_side

PROBABILITIES, LABELS = "probabilities", "labels"
_TIE = 1e-6


class SegmentationExport(ExportTask):
    """Segmentation; see `ExportTask`."""

    name = "segmentation"
    second = LABELS
    outputs: ClassVar = {
        PROBABILITIES: "[B, S, S, C], of each class of each pixel, 0 to 1, adding up to 1; signature serving_default",
        LABELS: "[B, S, S], index of the likeliest class in the card's class_names; signature labels",
    }
    main = ("dataset_miou_present", "pixel_accuracy")
    form = "probabilities [B, S, S, C]"
    facts = Facts(resizing="pad", threshold=0.0)  # as segmentation is trained by default
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

    def keras_size(self, model: KerasModel) -> int | None:
        """Look for the layer that makes logits of classes."""
        from ...trainers.models.layers.logits import logits_layer

        return model.input_shape[1] if logits_layer(model) else None

    def keras_facts(self, model: KerasModel) -> Facts:
        """Ask that layer for names and resizing."""
        from ...trainers.colours import class_palette
        from ...trainers.models.layers.logits import logits_layer

        layer = logits_layer(model)
        if layer is None:
            raise ValueError(f"{model.name} has no layer ClassLogits")
        palette = tuple(map(tuple, class_palette(layer.class_names).tolist()))
        return Facts(tuple(layer.class_names), palette, layer.resizing, 0.0)

    def stages(self, model: KerasModel) -> Stages:
        """Give the logits apart from softmax and argmax."""
        import tensorflow as tf

        def body(image: tf.Tensor) -> Tensors:
            return {"class_logits": tf.cast(model(image, training=False), tf.float32)}

        def probabilities(class_logits: tf.Tensor) -> Tensors:
            return {PROBABILITIES: tf.nn.softmax(class_logits)}

        def labels(class_logits: tf.Tensor) -> Tensors:
            return {LABELS: tf.cast(tf.argmax(class_logits, axis=-1, output_type=tf.int32), tf.uint8)}

        return Stages(body, {SIGNATURE: probabilities, LABELS: labels})

    def contradiction(self, answer: Answer, others: Mapping[str, np.ndarray]) -> str:
        """Look for a pixel whose class is not that of its largest probability."""
        probabilities, classes = np.asarray(answer), others[LABELS][..., None].astype(np.intp)
        chosen = np.take_along_axis(probabilities, classes, axis=-1)[..., 0]
        agree = (chosen >= probabilities.max(axis=-1) - _TIE).all()
        return "" if agree else "are not the classes of its largest probabilities"
