"""DeepLab builders: shapes, saving, XLA, weights from files and from a PyTorch pickle."""

import io
import pickle
import struct
import sys
import types
from collections import OrderedDict
from pathlib import Path

import h5py
import keras
import keras_cv
import numpy as np
import pytest
import tensorflow as tf
from numpy.lib.stride_tricks import sliding_window_view

from metricfit.trainers.data.images import resize_image
from metricfit.trainers.errors import MetricfitError, UsageError
from metricfit.trainers.models.backbones.builders import BACKBONES, PREPROCESSING, efficientnet_lite0
from metricfit.trainers.models.backbones.weights import (
    IMAGENET_PACKAGES,
    _assign_in_layer_order,
    load_backbone_weights,
    read_pytorch_tensors,
)
from metricfit.trainers.models.deeplab import PyramidPooling, build_deeplab
from metricfit.trainers.models.layers.logits import logits_layer
from metricfit.trainers.models.preparation import fit_statistics_to


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(3)
    return build_deeplab("mobilenet_v3_small", size=64)


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), np.uint8)


@pytest.fixture(scope="module")
def wide():
    return np.random.default_rng(0).integers(0, 256, (2, 32, 64, 3), np.uint8)


@pytest.fixture(scope="module", params=list(BACKBONES))
def each(request):
    """A DeepLab on each backbone, for pictures of 32 x 64; a test may change its weights."""
    return build_deeplab(request.param, size=(32, 64))


def test_every_backbone_gives_float32_logits_at_full_size(each, wide):
    logits = each(wide)
    assert logits.shape == (2, 32, 64)
    assert logits.dtype == "float32"
    (bias,) = [weight for weight in each.weights if weight.path.endswith("head_logits/bias")]
    bias.assign([50.0])
    assert float(keras.ops.min(each(wide))) > 40, "logits are not bounded"


def test_every_trainable_weight_has_a_gradient(each, wide):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(each(wide, training=True) ** 2)
    gradients = tape.gradient(loss, each.trainable_variables)
    assert [weight.path for weight, gradient in zip(each.trainable_variables, gradients) if gradient is None] == []


def test_classes_are_the_last_axis_and_are_saved_with_the_model(tmp_path, tiny):
    model = build_deeplab(tiny, size=64, class_names=("sky", "road", "car"), resizing="stretch")
    assert model.output_shape == (None, 64, 64, 3)
    model.save(tmp_path / "model.keras")
    layer = logits_layer(keras.models.load_model(tmp_path / "model.keras"))
    assert (layer.class_names, layer.resizing) == (("sky", "road", "car"), "stretch")
    assert build_deeplab(tiny, size=64, class_names=("sky",)).output_shape == (None, 64, 64, 1)
    assert logits_layer(build_deeplab(tiny, size=64)) is None


def test_preprocessing_is_inside():
    standardise = build_deeplab("efficientnet_lite0", size=64).get_layer("preprocessing")
    mean, deviation = np.array([0.485, 0.456, 0.406]) * 255, np.array([0.229, 0.224, 0.225]) * 255
    np.testing.assert_allclose(standardise(mean.astype("float32")[None]), np.zeros((1, 3)), atol=1e-5)
    np.testing.assert_allclose(standardise((mean + deviation).astype("float32")[None]), np.ones((1, 3)), atol=1e-5)


def test_takes_bytes_and_floats_alike(small, pictures):
    np.testing.assert_array_equal(small(pictures), small(pictures.astype("float32")))


def test_saved_model_is_the_same_model(small, pictures, tmp_path):
    small.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(loaded(pictures), small(pictures))


def test_pyramid_pooling_reads_the_last_stage_not_the_classifier_top():
    assert build_deeplab("efficientnet_lite0", size=64).count_params() < 6e6


def test_trains_under_xla_as_without(pictures, tiny):
    masks = (pictures[..., 0] > 128).astype("int32")
    losses = []
    for compiled in (False, True):
        keras.utils.set_random_seed(1)
        model = build_deeplab(tiny, size=64, dropout=0.0, aspp_channels=8, head_channels=8)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile("sgd", loss=loss, jit_compile=compiled)
        assert model.jit_compile is compiled
        losses.append([float(model.train_on_batch(pictures, masks)) for _ in range(3)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


@pytest.mark.long
def test_trains_under_xla_in_mixed_precision(pictures, tiny):
    masks = (pictures[..., 0] > 128).astype("int32")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_deeplab(tiny, size=64, aspp_channels=8, head_channels=8)
        model.compile("sgd", loss=keras.losses.BinaryCrossentropy(from_logits=True), jit_compile=True)
        assert np.isfinite(float(model.train_on_batch(pictures, masks)))
    finally:
        keras.config.set_dtype_policy(before)


def test_pyramid_pooling_gives_what_kerascvs_gives():
    features = np.random.default_rng(1).normal(size=(2, 5, 6, 7)).astype("float32")
    ours = PyramidPooling([1, 2], num_channels=4)
    theirs = keras_cv.layers.SpatialPyramidPooling([1, 2], num_channels=4)
    ours(features), theirs(features)
    theirs.set_weights(ours.get_weights())
    np.testing.assert_allclose(ours(features), theirs(features), atol=1e-6)


@pytest.mark.parametrize(("steps", "momentum"), [(10, 2 / 3), (60, 2 / 3), (200, 0.9), (400, 0.95), (9000, 0.95)])
def test_moving_statistics_follow_a_short_training(steps, momentum):
    inner = keras.Sequential([keras.layers.BatchNormalization(momentum=0.95)])
    model = keras.Sequential([keras.Input((4, 4, 3)), inner, keras.layers.BatchNormalization(momentum=0.5)])
    fit_statistics_to(model, steps)
    assert [layer.momentum for layer in (inner.layers[0], model.layers[1])] == [pytest.approx(momentum), 0.5]


def test_weights_from_a_file(tmp_path):
    source, target = efficientnet_lite0((64, 64, 3)), efficientnet_lite0((64, 64, 3))
    source.save_weights(tmp_path / "lite0.weights.h5")
    load_backbone_weights(target, "efficientnet_lite0", str(tmp_path / "lite0.weights.h5"))
    for one, other in zip(source.get_weights(), target.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_kernels_of_pytorch_do_in_keras_what_they_did():
    rng = np.random.default_rng(0)
    image = keras.Input((6, 7, 3))
    features = keras.layers.Conv2D(4, 3, use_bias=False)(image)
    model = keras.Model(image, keras.layers.DepthwiseConv2D(3, use_bias=False)(features))
    # As PyTorch lays them out: outputs, inputs of each, rows, columns.
    full, by_channel = rng.normal(size=(4, 3, 3, 3)), rng.normal(size=(4, 1, 3, 3))
    unused = {"norm.num_batches_tracked": np.array(9), "fc.weight": np.zeros((2, 4)), "fc.bias": np.zeros(2)}
    _assign_in_layer_order(model, {"first": full, "second": by_channel} | unused)
    picture = rng.normal(size=(1, 6, 7, 3))
    expected = np.einsum("byxcij,ocij->byxo", sliding_window_view(picture, (3, 3), axis=(1, 2)), full)
    expected = np.einsum("byxcij,cij->byxc", sliding_window_view(expected, (3, 3), axis=(1, 2)), by_channel[:, 0])
    np.testing.assert_allclose(model(picture), expected, atol=1e-4)
    with pytest.raises(MetricfitError, match="1 ImageNet tensors found no layer"):
        _assign_in_layer_order(model, {"first": full, "second": by_channel, "third": full} | unused)


@pytest.mark.parametrize("backbone", list(IMAGENET_PACKAGES))
def test_weights_from_an_imagenet_package_know_a_cat(backbone, caplog):
    package = pytest.importorskip(IMAGENET_PACKAGES[backbone])
    model = BACKBONES[backbone]((224, 224, 3))
    with caplog.at_level("INFO", "metricfit"):
        load_backbone_weights(model, backbone, "imagenet")
    assert "Apache-2.0" in caplog.text
    variances = [layer.get_weights()[3] for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert all((variance >= 0).all() for variance in variances), "moving variances stand in the fourth place"
    assert all(not np.allclose(variance, 1) for variance in variances), "every layer was filled"
    (file,) = Path(package.__file__).parent.glob("models/*.pth")
    *_, kernel, bias = read_pytorch_tensors(file).values()
    cat = resize_image(pytest.importorskip("skimage.data").chelsea(), (224, 224)).astype("float32")
    scale, offset = PREPROCESSING[backbone]
    pooled = model((cat * np.float32(scale) + np.float32(offset))[None]).numpy().mean(axis=(1, 2))
    assert set(np.argsort(-(pooled @ kernel.T + bias)[0])[:3]) == {281, 282, 285}, "tabby, tiger and Egyptian cat"


@pytest.mark.parametrize(
    ("backbone", "weights", "sentence"),
    [
        ("efficientnet_lite0", "best", "none of: auto, none, imagenet, preset:NAME"),
        ("efficientnet_lite0", "missing.weights.h5", "no weights at missing.weights.h5"),
        ("mobilenet_v3_small", "imagenet", "exists for efficientnet_lite0, efficientnet_lite1 and efficientnet_lite2"),
        ("mobilenet_v3_small", "preset:resnet50", "KerasCV has no preset resnet50"),
        ("mobilenet_v3_small", "preset:mobilenet_v3_small", "choose one of .*mobilenet_v3_small_imagenet"),
        ("efficientnet_lite0", "preset:efficientnetlite_b0", "no weights for efficientnet_lite0 .*--weights imagenet"),
    ],
)
def test_weights_that_do_not_exist(backbone, weights, sentence, monkeypatch):
    monkeypatch.setitem(BACKBONES, backbone, None)  # nothing is built for them
    with pytest.raises(UsageError, match=sentence):
        build_deeplab(backbone, size=64, weights=weights)


def test_a_file_of_another_network_is_one_sentence(tmp_path):
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save_weights(tmp_path / "dense.weights.h5")
    with pytest.raises(MetricfitError, match="does not hold the weights of the backbone mobilenet_v3_small") as caught:
        build_deeplab("mobilenet_v3_small", size=64, weights=str(tmp_path / "dense.weights.h5"))
    assert "\n" not in str(caught.value)


class Nested(keras.layers.Layer):
    """Keeps its parts in lists of lists, which Keras before 3.15 did not write."""

    def __init__(self, **more):
        super().__init__(**more)
        self.parts = [[keras.layers.Dense(3)]]

    def build(self, input_shape):
        self.parts[0][0].build(input_shape)

    def call(self, inputs):
        return self.parts[0][0](inputs)


def test_a_file_that_leaves_a_part_at_its_random_start_is_refused(tmp_path):
    image = keras.Input((4,))
    model = keras.Model(image, Nested()(image))
    path = tmp_path / "nested.weights.h5"
    model.save_weights(path)
    load_backbone_weights(model, "resnet50", str(path))
    with h5py.File(path, "a") as file:
        if "layers/nested/parts" not in file:
            pytest.skip("this Keras does not save layers in lists of lists at all")
        del file["layers/nested/parts/container"]
    with pytest.raises(MetricfitError, match="does not hold the weights of the backbone resnet50: Skipping nested"):
        load_backbone_weights(model, "resnet50", str(path))


def test_an_unreachable_preset_is_one_sentence(monkeypatch):
    def unreachable(*_, **__):
        raise ConnectionError("a\nlong\nstory")

    monkeypatch.setattr(keras_cv.models.MobileNetV3Backbone, "from_preset", unreachable)
    with pytest.raises(MetricfitError, match="could not be fetched") as caught:
        build_deeplab("mobilenet_v3_small", size=64, weights="preset:mobilenet_v3_small_imagenet")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("backbone", "size"), [("vgg", 64), ("mobilenet_v3_small", 100), ("mobilenet_v3_small", 0)])
def test_wrong_backbone_or_size(backbone, size):
    with pytest.raises(UsageError, match=r"choose one of|multiple of 32"):
        build_deeplab(backbone, size=size)


class _Harmful:
    def __reduce__(self):
        return print, ("code from a weights file was run",)


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path, capsys):
    path = tmp_path / "harmful.pth"
    path.write_bytes(pickle.dumps(1) + pickle.dumps(2) + pickle.dumps({}) + pickle.dumps({"weight": _Harmful()}))
    with pytest.raises(MetricfitError, match="not part of a state dict"):
        read_pytorch_tensors(path)
    assert capsys.readouterr().out == ""


def state_dict(path, monkeypatch, shape, strides, offset):
    """Write a file of four numbers as PyTorch does, and a tensor that looks at them."""
    module = types.ModuleType("torch._utils")
    exec("def _rebuild_tensor_v2(*_): pass", vars(module))
    monkeypatch.setitem(sys.modules, "torch", types.ModuleType("torch"))
    monkeypatch.setitem(sys.modules, "torch._utils", module)
    storage = ("storage", "FloatStorage", "0", "cpu", 4)

    class Tensor:
        def __reduce__(self):
            return module._rebuild_tensor_v2, (storage, offset, shape, strides)

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return value if value is storage else None

    file = io.BytesIO(b"".join(map(pickle.dumps, (1, 2, {}))))
    file.seek(0, io.SEEK_END)
    Pickler(file).dump(OrderedDict(weight=Tensor()))
    file.write(pickle.dumps(["0"]) + struct.pack("<q", 4) + np.arange(4, dtype="<f4").tobytes())
    path.write_bytes(file.getvalue())
    return path


def test_a_tensor_reaches_no_further_than_its_numbers(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    tensors = read_pytorch_tensors(state_dict(path, monkeypatch, (2, 2), (2, 1), 0))
    assert tensors["weight"].tolist() == [[0, 1], [2, 3]]
    for shape, strides, offset in (((2, 3), (3, 1), 0), ((2, 2), (2, 1), 1), ((2,), (-1,), 0), ((1,), (1,), -1)):
        with pytest.raises(MetricfitError, match="weight reaches beyond its numbers"):
            read_pytorch_tensors(state_dict(path, monkeypatch, shape, strides, offset))
