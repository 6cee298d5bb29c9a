"""Segmentation in an export: probabilities and the class map, as two signatures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from ..card import ModelCard
from ..signatures import SIGNATURE, Stages, Tensors
from .base import ExportTask, Facts, Runs, square_side
from .words import PYTHON, figure, named_classes, resizing_program, resizing_sentence

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from ...trainers.data.example import Source
    from ..parity.agreement import Agreement

PROBABILITIES, LABELS = "probabilities", "labels"
LABELS_SIGNATURE = "labels"
OUTPUTS = {
    PROBABILITIES: "[B, S, S, C], of each class of each pixel, 0 to 1, adding up to 1; signature serving_default",
    LABELS: "[B, S, S], index of the likeliest class in the card's class_names; signature labels",
}
_PICTURES = 8  # on which the two signatures are compared with each other
_TIE = 1e-6

_PYTHON = (
    PYTHON
    + """\
    found = predict(read_image("photo.jpg"))             # labels uint8 [H, W], confidence float32 [H, W]
    for index, name in enumerate(predict.runner.class_names):
        print(name, (found.labels == index).mean())
"""
)
_TFLITE = """\
    import json

    import numpy as np
    from ai_edge_litert.interpreter import Interpreter
    from PIL import Image

    names = json.load(open("card.json"))["class_names"]
    interpreter = Interpreter({file!r}, num_threads=2)
    run = interpreter.get_signature_runner("labels")     # or "serving_default", which gives probabilities

    photo = Image.open("photo.jpg").convert("RGB")
{resize}
    labels = run(image=pixels)["labels"][0]              # uint8 [{size}, {size}], index into names
    for index in np.unique(labels):
        print(names[index], (labels == index).mean())
"""
_SAVED_MODEL = """\
    import tensorflow as tf

    model = tf.saved_model.load("saved_model")
    labels = model.signatures["labels"](image=pixels)["labels"]
    probabilities = model.signatures["serving_default"](image=pixels)["probabilities"]
    # pixels uint8 [B, {size}, {size}, 3], RGB, any B
    # -> labels uint8 [B, {size}, {size}], probabilities float32 [B, {size}, {size}, {classes}]
"""


class SegmentationExport(ExportTask):
    """Segmentation; see `ExportTask`."""

    name = "segmentation"
    outputs = OUTPUTS
    main = ("dataset_miou_present", "pixel_accuracy")
    form = "probabilities [B, S, S, C]"
    # How segmentation is trained by default.
    facts = Facts(resizing="pad", threshold=0.0)
    measures = (
        figure("dataset_miou_present"),
        figure("image_miou_present"),
        figure("pixel_accuracy"),
    )
    agreements = (
        figure("largest_difference", "parity", ".1e"),
        figure("mean_difference", "parity", ".1e"),
    )
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

    def agreement(self) -> Agreement:
        """Compare probability by probability."""
        from ..parity.maps import MapAgreement

        return MapAgreement()

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

    def introduction(self, card: ModelCard) -> str:
        """Say what the model does."""
        size = card.input_size
        return (
            f"A segmentation model for {len(card.class_names)} classes ({named_classes(card)}): an RGB picture of "
            f"{size}x{size} pixels, values 0 to 255, to the class of each pixel. There are two signatures: `labels` "
            "gives the index of the likeliest class, `serving_default` the probabilities of all classes. "
            f"{resizing_sentence(card)}; `metricfit` does that, and brings the probabilities back to the picture's own "
            "size before it takes the likeliest class."
        )

    def thresholds(self, card: ModelCard) -> str:
        """There are none."""
        return "**No threshold.** Each pixel has its likeliest class, however likely that is."

    def comparison(self, card: ModelCard) -> str:
        """Say what was measured on what."""
        metrics = card.metrics
        return (
            f"Mean IoU of the classes that the validation data have ({card.data.get('validation_images', 0)} pictures, "
            "all pixels together) and share of the right pixels, at the labels' own size. Difference: largest and mean "
            "difference of a probability from the Keras model's (8-bit files are judged by the mean one and the "
            f"metrics), which has mIoU {metrics['dataset_miou_present']:.4f} and accuracy "
            f"{metrics['pixel_accuracy']:.4f}. In every file both signatures were seen to agree."
        )

    def python(self, card: ModelCard) -> str:
        """Print the share of each class."""
        return _PYTHON.format(name=card.name)

    @property
    def programs(self) -> Mapping[str, Callable[[ModelCard, str], str]]:
        """Give the programs for both runtimes."""
        return {
            "tflite": lambda card, file: _TFLITE.format(file=file, size=card.input_size, resize=resizing_program(card)),
            "saved_model": lambda card, file: _SAVED_MODEL.format(size=card.input_size, classes=len(card.class_names)),
        }
