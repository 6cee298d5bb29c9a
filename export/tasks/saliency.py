"""Saliency in an export: one map out, compared value by value."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from ...trainers.geometry import InputSize, height_width
from ..signatures import KerasModel, Stages, Tensors
from .base import SAME_SCORE, ExportTask, Facts, Frame, figure, pictures_size

OUTPUT, MASK = "saliency", "mask"


class SaliencyExport(ExportTask):
    """Saliency; see `ExportTask`."""

    name = "saliency"
    outputs: ClassVar = {OUTPUT: "[B, S, S], how salient each pixel is, 0 to 1"}
    pictures: ClassVar = {
        OUTPUT: "[B, H, W], how salient each pixel is, 0 to 1",
        MASK: "[B, H, W], 255 where that reaches the card's threshold of this file, else 0",
    }
    encoded: ClassVar = {
        f"{OUTPUT}_bytes": "[B], a PNG file of the picture's size, grey, 0 to 255 for 0 to 1",
        f"{MASK}_bytes": "[B], a PNG file of the picture's size, 255 and 0 as in the mask",
    }
    form = f"{OUTPUT} [B, S, S]"
    facts = Facts(class_names=("background", "salient"), palette=((0, 0, 0), (255, 255, 255)))
    main = ("max_f", "mean_f", "mae")
    measures = (
        *(figure("max_f"), figure("mean_f"), figure("mae"), figure("mean_to_max", form=".3f")),
        ("threshold", lambda entry: f"{entry['thresholds']['optimal']:.3f}"),
        ("band", lambda entry: "{:.3f}-{:.3f}".format(*entry["thresholds"]["band"])),
    )
    agreements = (
        figure("largest_difference", "parity", ".1e"),
        figure("mean_difference", "parity", ".1e"),
        ("output", lambda entry: entry["outputs"][0]["dtype"]),
    )
    columns = ("max_f", "mean_f", "mae", "largest_difference", "mean_difference")

    def find_size(self, image: list, outputs: Mapping[str, list]) -> InputSize | None:
        """Look for a single map of the input's size."""
        size = pictures_size(image)
        return size if size and [tuple(shape)[1:] for shape in outputs.values()] == [height_width(size)] else None

    def keras_size(self, model: KerasModel) -> InputSize | None:
        """Look for logits of the input's size, [B, h, w] or [B, h, w, 1]."""
        shape, output = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
        if not isinstance(shape, tuple) or not isinstance(output, tuple):
            return None
        size = pictures_size(list(shape))
        return size if size and output[1:] in (height_width(size), (*height_width(size), 1)) else None

    def prepare(self, model: KerasModel) -> KerasModel:
        """Drop a last axis of one channel."""
        import keras

        if len(model.output_shape) == 4 or isinstance(model, keras.Sequential):
            image = keras.Input(model.input_shape[1:])
            model = keras.Model(image, keras.layers.Reshape(image.shape[1:3])(model(image)), name=model.name)
        return model

    def run_facts(self, facts: Facts, metrics: dict[str, Any]) -> Facts:
        """Add the best threshold for the F-measure."""
        optimal = metrics.get("curves", {}).get("optimal_threshold")
        return facts if optimal is None else replace(facts, threshold=float(optimal))

    def stages(self, model: KerasModel) -> Stages:
        """All of it is quantised."""
        import tensorflow as tf

        def body(image: tf.Tensor) -> Tensors:
            return {OUTPUT: tf.sigmoid(tf.cast(model(image, training=False), tf.float32))}

        return Stages(body)

    def restore(self, found: Tensors, frame: Frame, thresholds: Any) -> Tensors:
        """Enlarge the map, and cut it."""
        import tensorflow as tf

        from ..serving.resizing import unfit_maps

        saliency = unfit_maps(found[OUTPUT], frame)
        return {OUTPUT: saliency, MASK: tf.where(saliency >= thresholds[0], tf.constant(255, tf.uint8), 0)}

    def carried(self, restored: Tensors) -> Tensors:
        """Both as PNG files."""
        from ..serving.encoding import png_of, png_of_scores

        saliency, mask = f"{OUTPUT}_bytes", f"{MASK}_bytes"
        return {saliency: png_of_scores(restored[OUTPUT][0]), mask: png_of(restored[MASK][0])}

    def departure(self, found: Mapping[str, np.ndarray], expected: Any, thresholds: np.ndarray) -> str:
        """Compare the maps, and each mask with its map."""
        if (largest := float(np.abs(found[OUTPUT] - expected).max())) > SAME_SCORE:
            return f"has a map that is up to {largest:.3g} off"
        fits = np.array_equal(found[MASK], np.where(found[OUTPUT] >= thresholds[0], 255, 0))
        return "" if fits else "has a mask that is not that of its map"

    def judging(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Judge by the convention that papers report, with the training's own weight of precision."""
        return {"beta2": float(config.get("beta2", 0.3)), "averages": ("curves",)}

    def figures(self, scalars: Mapping[str, float]) -> dict[str, float]:
        """Give the figures without the thresholds and the settings."""
        return {name: float(scalars[name]) for name in (*self.main, "mean_to_max", "band_width", "polarisation")}
