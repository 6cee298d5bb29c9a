"""Numbers of a .tflite file without a card that LiteRT would take as they are."""

import copy
import shutil

import ai_edge_litert.interpreter
import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

from metricfit.export import load_runner
from metricfit.export.formats.tflite_graphs import packed, unpacked
from metricfit.export.runners import tflite_bounds
from metricfit.trainers.errors import DataError

from ..fuzzing.base import ROOT

SIDE = 32


@pytest.fixture(scope="module")
def content():
    """A small saliency model with a pooling."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((SIDE, SIDE, 3), batch_size=1), keras.layers.AveragePooling2D(3, 1, padding="same")]
    layers += [keras.layers.Conv2D(1, 1), keras.layers.Reshape((SIDE, SIDE), name="saliency")]
    model = keras.Sequential(layers)
    module = tf.Module()
    module.serve = tf.function(
        lambda image: {"saliency": model(image)},
        input_signature=[tf.TensorSpec((1, SIDE, SIDE, 3), tf.float32, "image")],
    )
    concrete = module.serve.get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], module).convert()


def largest(model):
    return max(model.subgraphs[0].tensors, key=lambda tensor: np.prod(tensor.shape))


def pooling(model):
    (found,) = (
        operator
        for operator in model.subgraphs[0].operators
        if operator.builtinOptionsType == schema.BuiltinOptions.Pool2DOptions
    )
    return found


def with_a_large_tensor(model):
    pooled = model.subgraphs[0].tensors[pooling(model).outputs[0]]
    pooled.shape = np.array([(2 << 30) // (4 * 3 * SIDE * SIDE) + 1, SIDE, SIDE, 3], np.int32)


def with_a_signature_of_no_graph(model):
    signature = schema.SignatureDefT()
    signature.signatureKey, signature.subgraphIndex = b"serving_default", 1
    signature.inputs, signature.outputs = [], []
    model.signatureDefs = [signature]


def with_a_high_window(model):
    pooling(model).builtinOptions.filterHeight = 65


def with_a_wide_window(model):
    pooling(model).builtinOptions.filterWidth = 1 << 20


def with_no_window(model):
    pooling(model).builtinOptions.filterWidth = 0


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (with_a_large_tensor, r"a tensor of shape \[\d+, 32, 32, 3\] takes more than 2048 MiB"),
        (with_a_signature_of_no_graph, r"a signature is of graph 1, there are 1"),
        (with_a_high_window, r"window is 65x3, at most 64"),
        (with_a_wide_window, r"window is 3x1048576, at most 64"),
        (with_no_window, r"window is 3x0, at most 64"),
    ],
)
def test_numbers_without_bounds_are_refused_before_they_are_used(damage, says, content, tmp_path, monkeypatch):
    def used(*_):
        pytest.fail("LiteRT was given the file's numbers")

    model = unpacked(content)
    damage(model)
    path = tmp_path / "model.tflite"
    path.write_bytes(packed(model, len(content)))
    monkeypatch.setattr(ai_edge_litert.interpreter.Interpreter, "allocate_tensors", used)
    with pytest.raises(DataError, match=says) as caught:
        load_runner(path)
    assert "\n" not in str(caught.value)


def test_the_largest_that_fits_is_loaded(content, tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    path.write_bytes(content)
    size = 4 * int(np.prod(largest(unpacked(content)).shape))
    monkeypatch.setattr(tflite_bounds, "LARGEST", size)
    assert load_runner(path).size == SIDE
    monkeypatch.setattr(tflite_bounds, "LARGEST", size - 1)
    with pytest.raises(DataError, match="a tensor of shape"):
        load_runner(path)


def test_all_that_is_computed_is_bounded_together(content, tmp_path, monkeypatch):
    path = tmp_path / "model.tflite"
    model = unpacked(content)
    graph = model.subgraphs[0]
    stored = [model.buffers[one.buffer].data is not None for one in graph.tensors]
    assert any(stored)
    # float32 all of them
    total = sum(4 * int(np.prod(one.shape)) for one, held in zip(graph.tensors, stored) if not held)
    path.write_bytes(content)
    monkeypatch.setattr(tflite_bounds, "MOST", total)
    assert load_runner(path).size == SIDE
    monkeypatch.setattr(tflite_bounds, "MOST", total - 1)
    with pytest.raises(DataError, match="its tensors take 0 MiB together, at most 0 are read"):
        load_runner(path)


def test_many_tensors_below_the_largest_are_refused_together(content, tmp_path, monkeypatch):
    model = unpacked(content)
    graph = model.subgraphs[0]
    for _ in range(5):
        graph.tensors.append(copy.deepcopy(graph.tensors[pooling(model).outputs[0]]))
        graph.tensors[-1].shape = np.array([(2 << 30) // (4 * 3 * SIDE * SIDE), SIDE, SIDE, 3], np.int32)
    path = tmp_path / "model.tflite"
    path.write_bytes(packed(model, len(content)))
    monkeypatch.setattr(ai_edge_litert.interpreter.Interpreter, "allocate_tensors", lambda *_: pytest.fail("used"))
    with pytest.raises(DataError, match=r"its tensors take 102\d\d MiB together, at most 8192 are read"):
        load_runner(path)


def test_every_graph_is_looked_at(content, tmp_path):
    model = unpacked(content)
    model.subgraphs.append(unpacked(content).subgraphs[0])
    at = model.subgraphs[0].operators.index(pooling(model))
    path = tmp_path / "model.tflite"
    path.write_bytes(packed(model, len(content)))
    assert load_runner(path).size == SIDE
    model.subgraphs[1].operators[at].builtinOptions.filterHeight = 65
    path.write_bytes(packed(model, len(content)))
    with pytest.raises(DataError, match="window"):
        load_runner(path)


def test_a_file_that_its_card_vouches_for_is_not_looked_at(tmp_path, monkeypatch):
    shipped = ROOT / "saved_models/saliency_mobile/model_int8.tflite"
    monkeypatch.setattr(tflite_bounds, "LARGEST", 1)
    assert load_runner(shipped).card
    shutil.copy(shipped, tmp_path)
    with pytest.raises(DataError, match="a tensor of shape"):
        load_runner(tmp_path / shipped.name)
