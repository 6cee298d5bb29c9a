"""Model files of every kind, each a small one."""

import functools
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .base import Format

SIDE = 32


@functools.cache
def keras_file() -> bytes:
    """A small saliency model."""
    import keras

    keras.utils.set_random_seed(0)
    layers = [keras.Input((SIDE, SIDE, 3)), keras.layers.Conv2D(2, 3, padding="same", activation="relu")]
    layers += [keras.layers.BatchNormalization(), keras.layers.Conv2D(1, 1), keras.layers.Reshape((SIDE, SIDE))]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        keras.Sequential(layers).save(path)
        return path.read_bytes()


def keras_models() -> Format:
    """A .keras file."""
    from metricfit.export import load_runner

    return Format("keras", "model.keras", (keras_file(),), lambda folder: load_runner(folder / "model.keras"))


@contextmanager
def saved_model() -> Iterator[Path]:
    """Give the folder of a small SavedModel."""
    import tensorflow as tf

    kernel = tf.constant(np.random.default_rng(0).normal(0, 0.01, (3, 3, 3, 1)).astype(np.float32))

    def serve(image: tf.Tensor) -> dict[str, tf.Tensor]:
        found = tf.nn.conv2d(tf.cast(image, tf.float32), kernel, 1, "SAME")
        return {"saliency": tf.reshape(tf.sigmoid(found), (1, SIDE, SIDE))}

    module = tf.Module()
    module.serve = tf.function(serve, input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3), tf.uint8, name="image")])
    with tempfile.TemporaryDirectory() as name:
        tf.saved_model.save(module, name, signatures={"serving_default": module.serve})
        yield Path(name)


def saved_models() -> Format:
    """The graph of a SavedModel."""
    from metricfit.export import load_runner

    with saved_model() as folder:
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    graph = files.pop("saved_model.pb")
    beside = {f"saved/{path}": data for path, data in files.items()}

    def read(folder: Path) -> None:
        load_runner(folder / "saved")(np.zeros((1, SIDE, SIDE, 3), np.uint8))

    return Format("saved_model", "saved/saved_model.pb", (graph,), read, beside, apart=True)


@functools.cache
def tflite_file() -> bytes:
    """A small .tflite file."""
    import tensorflow as tf

    with saved_model() as folder, warnings.catch_warnings(action="ignore"):
        return tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert()


def tflite_models() -> Format:
    """A .tflite file."""
    from metricfit.export import load_runner

    def read(folder: Path) -> None:
        runner = load_runner(folder / "model.tflite", threads=1)
        runner(np.zeros((1, runner.size, runner.size, 3), np.uint8))

    return Format("tflite", "model.tflite", (tflite_file(),), read, apart=True)
