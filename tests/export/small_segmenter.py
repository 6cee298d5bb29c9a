"""A segmentation model that is right by construction: the colour of a pixel, a little blurred, is its class."""

import json
from pathlib import Path

import keras
import numpy as np

from metricfit.trainers.models.layers.logits import ClassLogits

CLASS_NAMES = ("background", "red", "blue")
SIZE = (64, 96)


def colour_segmenter(size: tuple[int, int] = SIZE) -> keras.Model:
    """Give logits of background, red and blue from raw pictures."""
    image = keras.Input((*size, 3), name="image")
    shifted = keras.layers.Rescaling(1 / 127.5, -1.0)(image)
    blurred = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="blur")(shifted)
    logits = keras.layers.Conv2D(3, 1, name="classes")(blurred)
    model = keras.Model(image, ClassLogits(CLASS_NAMES, "pad")(logits), name="colours")
    blur = np.outer([1, 6, 1], [1, 6, 1]).astype(np.float32) / 64
    model.get_layer("blur").set_weights([np.repeat(blur[..., None, None], 3, axis=2)])
    # Red and blue are bright in one channel, noise in none.
    kernel = np.array([[0, 6, -6], [0, 0, 0], [0, -6, 6]], np.float32)
    model.get_layer("classes").set_weights([kernel[None, None], np.array([2, 0, 0], np.float32)])
    return model


def make_segmentation_run(folder: Path) -> Path:
    """A run folder as a training leaves one, with that model."""
    folder.mkdir(parents=True)
    colour_segmenter().save(folder / "model.keras")
    config = {"data": "colours:train", "val": "colours:val", "loss": "lovasz_softmax"}
    settings = {"task": "segmentation", "config": config, "versions": {"keras": keras.__version__}}
    (folder / "config.json").write_text(json.dumps(settings))
    return folder
