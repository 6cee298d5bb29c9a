"""Segmentation in an export: probabilities and the class map, as two signatures."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ...trainers.geometry import InputSize, height_width
from ..signatures import SIGNATURE, KerasModel, Stages, Tensors
from .base import SAME_SCORE, Answer, ExportTask, Facts, Frame, figure, pictures_size

PROBABILITIES, LABELS, CONFIDENCE = "probabilities", "labels", "confidence"
_TIE = 1e-6


class SegmentationExport(ExportTask):
    """Segmentation; see `ExportTask`."""

    name = "segmentation"
    second = LABELS
    outputs: ClassVar = {
        PROBABILITIES: "[B, S, S, C], of each class of each pixel, 0 to 1, adding up to 1; signature serving_default",
        LABELS: "[B, S, S], index of the likeliest class in the card's class_names; signature labels",
    }
    pictures: ClassVar = {
        LABELS: "[B, H, W], index of the likeliest class in the card's class_names",
        CONFIDENCE: "[B, H, W], the probability of that class",
    }
    encoded: ClassVar = {
        f"{LABELS}_bytes": "[B], a PNG file of the picture's size, grey, the index of the likeliest class",
        f"{CONFIDENCE}_bytes": "[B], a PNG file of the picture's size, grey, 0 to 255 for 0 to 1",
    }
    main = ("dataset_miou_present", "pixel_accuracy")
    form = "probabilities [B, S, S, C]"
    facts = Facts(resizing="pad", threshold=0.0)  # as segmentation is trained by default
    measures = (figure("dataset_miou_present"), figure("image_miou_present"), figure("pixel_accuracy"))
    agreements = (figure("largest_difference", "parity", ".1e"), figure("mean_difference", "parity", ".1e"))
    columns = ("dataset_miou_present", "image_miou_present", "pixel_accuracy", "largest_difference", "mean_difference")

    def find_size(self, image: list, outputs: Mapping[str, list]) -> InputSize | None:
        """Look for several maps of the input's size."""
        size = pictures_size(image)
        if not size or len(outputs) != 1:
            return None
        (shape,) = map(list, outputs.values())
        return size if tuple(shape[1:3]) == height_width(size) and len(shape) == 4 and (shape[3] or 0) > 1 else None

    def keras_size(self, model: KerasModel) -> InputSize | None:
        """Look for the layer that makes logits of classes."""
        from ...trainers.models.layers.logits import logits_layer

        return pictures_size(list(model.input_shape)) if logits_layer(model) else None

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

    def restore(self, found: Tensors, frame: Frame, thresholds: Any) -> Tensors:
        """Enlarge the probabilities class by class, and keep the largest: all of them at once may be gigabytes."""
        import tensorflow as tf

        from ..serving.resizing import unfit_maps

        maps = tf.transpose(found[PROBABILITIES], [3, 0, 1, 2])

        def larger(index: tf.Tensor, labels: tf.Tensor, highest: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            values = unfit_maps(maps[index], frame)
            labels = tf.where(values > highest, tf.cast(index, tf.uint8), labels)
            return index + 1, labels, tf.maximum(values, highest)

        first = unfit_maps(maps[0], frame)
        start = (tf.constant(1), tf.zeros_like(first, tf.uint8), first)
        free = tf.TensorShape([None, None, None])
        _, labels, highest = tf.while_loop(
            lambda index, *_: index < tf.shape(maps)[0], larger, start, (tf.TensorShape([]), free, free)
        )
        return {LABELS: labels, CONFIDENCE: highest}

    def carried(self, restored: Tensors) -> Tensors:
        """Both as PNG files."""
        from ..serving.encoding import png_of, png_of_scores

        labels, confidence = f"{LABELS}_bytes", f"{CONFIDENCE}_bytes"
        return {labels: png_of(restored[LABELS][0]), confidence: png_of_scores(restored[CONFIDENCE][0])}

    def departure(self, found: Mapping[str, np.ndarray], expected: Any, thresholds: np.ndarray) -> str:
        """Compare the largest probabilities, and look for a pixel whose class has not nearly that one."""
        if (largest := float(np.abs(found[CONFIDENCE] - expected.max(axis=-1)).max())) > SAME_SCORE:
            return f"has probabilities that are up to {largest:.3g} off"
        chosen = np.take_along_axis(expected, found[LABELS][..., None].astype(np.intp), axis=-1)[..., 0]
        agree = (chosen >= expected.max(axis=-1) - SAME_SCORE).all()
        return "" if agree else "has classes that are not those of the largest probabilities"

    def contradiction(self, answer: Answer, others: Mapping[str, np.ndarray]) -> str:
        """Look for a pixel whose class is not that of its largest probability."""
        probabilities, classes = np.asarray(answer), others[LABELS][..., None].astype(np.intp)
        chosen = np.take_along_axis(probabilities, classes, axis=-1)[..., 0]
        agree = (chosen >= probabilities.max(axis=-1) - _TIE).all()
        return "" if agree else "are not the classes of its largest probabilities"
