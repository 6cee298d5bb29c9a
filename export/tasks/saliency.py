"""Saliency in an export: one map out, compared value by value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..card import ModelCard
from ..signatures import Stages
from .base import ExportTask, Facts, square_side
from .words import PYTHON, figure

if TYPE_CHECKING:
    import keras

    from ..parity.agreement import Agreement

OUTPUT = "saliency"
OUTPUTS = {OUTPUT: "[B, S, S], how salient each pixel is, 0 to 1"}

_PYTHON = (
    PYTHON
    + """\
    saliency = predict(read_image("photo.jpg"))          # float32 [H, W] in [0, 1]
    salient = saliency >= predict.runner.threshold       # the best one of this very file
"""
)
_TFLITE = """\
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter({file!r}, num_threads=2)
    interpreter.allocate_tensors()
    image, output = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    interpreter.set_tensor(image["index"], pixels)       # uint8 [1, {size}, {size}, 3], RGB
    interpreter.invoke()
    saliency = interpreter.get_tensor(output["index"])   # {dtype} [1, {size}, {size}]{scale}
"""
_SAVED_MODEL = """\
    import tensorflow as tf

    model = tf.saved_model.load("saved_model")
    saliency = model.signatures["serving_default"](image=pixels)["saliency"]
    # pixels uint8 [B, {size}, {size}, 3], RGB -> saliency float32 [B, {size}, {size}] in [0, 1], any B
"""


class SaliencyExport(ExportTask):
    """Saliency; see `ExportTask`."""

    name = "saliency"
    outputs = OUTPUTS
    form = f"{OUTPUT} [B, S, S]"
    facts = Facts(class_names=("background", "salient"), palette=((0, 0, 0), (255, 255, 255)))
    out = "masks"
    main = ("max_f", "mean_f", "mae")
    measures = (
        figure("max_f"),
        figure("mean_f"),
        figure("mae"),
        figure("mean_to_max", form=".3f"),
        ("threshold", lambda entry: f"{entry['thresholds']['optimal']:.3f}"),
        ("band", lambda entry: "{:.3f}-{:.3f}".format(*entry["thresholds"]["band"])),
    )
    agreements = (
        figure("largest_difference", "parity", ".1e"),
        figure("mean_difference", "parity", ".1e"),
        ("output", lambda entry: entry["outputs"][0]["dtype"]),
    )
    columns = ("max_f", "mean_f", "mae", "largest_difference", "mean_difference")

    def find_size(self, image: list, outputs: Mapping[str, list]) -> int | None:
        """Look for a single map of the input's size."""
        size = square_side(image)
        return size if size and [list(shape)[1:] for shape in outputs.values()] == [[size, size]] else None

    def keras_size(self, model: keras.Model) -> int | None:
        """Look for logits of the input's size, [B, S, S] or [B, S, S, 1]."""
        shape, output = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
        if not isinstance(shape, tuple) or not isinstance(output, tuple):
            return None
        size = square_side(list(shape))
        return size if size and output[1:] in ((size, size), (size, size, 1)) else None

    def prepare(self, model: keras.Model) -> keras.Model:
        """Drop a last axis of one channel."""
        import keras

        size = self.keras_size(model)
        if len(model.output_shape) == 4 or isinstance(model, keras.Sequential):
            image = keras.Input((size, size, 3))
            model = keras.Model(image, keras.layers.Reshape((size, size))(model(image)), name=model.name)
        return model

    def run_facts(self, facts: Facts, metrics: dict[str, Any]) -> Facts:
        """Add the best threshold for the F-measure."""
        optimal = metrics.get("curves", {}).get("optimal_threshold")
        return facts if optimal is None else replace(facts, threshold=float(optimal))

    def stages(self, model: keras.Model) -> Stages:
        """All of it is quantised."""
        import tensorflow as tf

        return Stages(lambda image: {OUTPUT: tf.sigmoid(tf.cast(model(image, training=False), tf.float32))})

    def agreement(self) -> Agreement:
        """Compare value by value."""
        from ..parity.maps import MapAgreement

        return MapAgreement()

    def judging(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Judge by the convention that papers report, with the training's own weight of precision."""
        return {"beta2": float(config.get("beta2", 0.3)), "averages": ("curves",)}

    def figures(self, scalars: Mapping[str, float]) -> dict[str, float]:
        """Give the figures without the thresholds and the settings."""
        return {name: float(scalars[name]) for name in (*self.main, "mean_to_max", "band_width", "polarisation")}

    def introduction(self, card: ModelCard) -> str:
        """Say what the model does."""
        size = card.input_size
        return (
            f"A saliency model: an RGB picture of {size}x{size} pixels, values 0 to 255, to a map of how salient each "
            f"pixel is, 0 to 1. Pictures are resized to {size}x{size} before, the maps back to the picture's size "
            "after; `metricfit` does both."
        )

    def thresholds(self, card: ModelCard) -> str:
        """Give the best threshold and its band."""
        low, high = card.thresholds["band"]
        return (
            f"**Threshold.** Of the Keras model {card.thresholds['optimal']:.3f} is best on the validation data; any "
            f"from {low:.3f} to {high:.3f} gives at least 99 % of the best F-measure. Each file has its own below, "
            "which `metricfit` uses."
        )

    def comparison(self, card: ModelCard) -> str:
        """Say what was measured on what."""
        metrics = card.metrics
        return (
            f"MaxF, MeanF and MAE on the validation data ({card.data.get('validation_images', 0)} pictures), at the "
            "labels' own size. Difference: largest and mean difference of a map's values from the Keras model's "
            "(8-bit files are judged by the mean one and the metrics: single pixels on an edge may flip), which has "
            f"MaxF {metrics['max_f']:.4f}, MeanF {metrics['mean_f']:.4f}, MAE {metrics['mae']:.4f}."
        )

    def python(self, card: ModelCard) -> str:
        """Cut the map at the model's own threshold."""
        return _PYTHON.format(name=card.name)

    @property
    def programs(self) -> Mapping[str, Callable[[ModelCard, str], str]]:
        """Give the programs for both runtimes."""
        return {"tflite": _tflite, "saved_model": lambda card, file: _SAVED_MODEL.format(size=card.input_size)}


def _tflite(card: ModelCard, file: str) -> str:
    (output,) = card.files[file]["outputs"]
    scale = "" if output["scale"] is None else f", times {output['scale']:g}"
    return _TFLITE.format(file=file, size=card.input_size, dtype=output["dtype"], scale=scale)
