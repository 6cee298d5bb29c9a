"""A tiny saliency model with hand-set weights, and a folder of pictures it works on."""

import json
from pathlib import Path

import keras
import numpy as np
from PIL import Image

SIZE = 32


def red_detector(size: int = SIZE) -> keras.Model:
    """Logits [B, S, S] that rise with red minus the mean of green and blue, blurred and halved in size on the way."""
    keras.utils.set_random_seed(0)
    image = keras.Input((size, size, 3), name="image")
    scaled = keras.layers.Rescaling(1 / 255)(image)
    half = keras.layers.Conv2D(8, 3, strides=2, padding="same", activation="hard_swish", name="features")(scaled)
    full = keras.layers.UpSampling2D(2, interpolation="bilinear")(half)
    logits = keras.layers.Conv2D(1, 1, name="head")(full)
    model = keras.Model(image, keras.layers.Reshape((size, size))(logits))
    kernel = np.random.default_rng(0).normal(0, 0.02, (3, 3, 3, 8)).astype(np.float32)
    kernel[:, :, 0, 0], kernel[:, :, 1, 0], kernel[:, :, 2, 0] = 1 / 3, -1 / 6, -1 / 6
    model.get_layer("features").set_weights([kernel, np.zeros(8, np.float32)])
    head = np.zeros((1, 1, 8, 1), np.float32)
    head[0, 0, 0, 0] = 4.0
    model.get_layer("head").set_weights([head, np.array([-2.0], np.float32)])
    return model


def red_squares(folder: Path, count: int = 30, seed: int = 0) -> str:
    """Write pictures of a red square on grey noise, with masks, and give the source's text."""
    rng = np.random.default_rng(seed)
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for index in range(count):
        height, width = rng.integers(40, 70, 2)
        image = np.repeat(rng.integers(60, 200, (height, width, 1)), 3, axis=2)
        mask = np.zeros((height, width), np.uint8)
        top, left, side = *rng.integers(2, 16, 2), rng.integers(14, 22)
        mask[top : top + side, left : left + side] = 255
        image[mask > 0] = (220, 40, 40)
        Image.fromarray(image.astype(np.uint8)).save(folder / "images" / f"{index:03d}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{index:03d}.png")
    return f"folder:{folder}"


def make_run(folder: Path, source: str, model: keras.Model | None = None, **config) -> Path:
    """Write a run folder as a training leaves it."""
    folder.mkdir(parents=True)
    (model or red_detector()).save(folder / "model.keras")
    settings = {"task": "saliency", "config": {"data": source, "val": None, "beta2": 0.3, **config}, "versions": {}}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "metrics.json").write_text(json.dumps({"curves": {"optimal_threshold": 0.25}}))
    return folder
