"""ENet: the paper's size, gradients, saving and learning; unpooling as pooling with indices has it."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import UsageError
from metricfit.trainers.models.enet import build_enet
from metricfit.trainers.models.layers.logits import logits_layer
from metricfit.trainers.models.layers.unpooling import DepthToSpace, Unpooling
from metricfit.trainers.models.precision import dtype_policy
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import SegmentationConfig
from metricfit.trainers.training.optimizer import build_optimizer
from metricfit.trainers.training.saved import load_model

from ...conftest import registered

segmentation = get_task("segmentation")
CONFIG = SegmentationConfig(model="enet", size=32, learning_rate=5e-3, warmup_share=0)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    with registered():
        return segmentation.build_model(CONFIG, open_source("colours:train", needs="labels"))


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)


def test_it_has_the_size_of_the_paper(model, pictures):
    assert 0.36e6 < model.count_params() < 0.38e6
    logits = model(pictures)
    assert (logits.shape, logits.dtype) == ((2, 32, 32, 3), "float32")
    np.testing.assert_array_equal(logits, model(pictures.astype("float32")))


def test_every_trainable_weight_has_a_gradient(model, pictures):
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(model(pictures, training=True) ** 2)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert [weight.path for weight, gradient in zip(model.trainable_variables, gradients) if gradient is None] == []


@pytest.mark.long
def test_it_learns_and_is_saved(model, pictures, tmp_path):
    images = np.concatenate([pictures // 3, pictures // 3 + 160])
    labels = np.repeat([0, 1], 2 * 32 * 32).reshape(4, 32, 32)
    # Eagerly: the graph of a step takes longer to be traced than a few steps.
    model.compile(build_optimizer(CONFIG, 20), segmentation.build_loss(CONFIG), run_eagerly=True)
    losses = model.fit(images, labels, batch_size=4, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    layer = logits_layer(loaded)
    assert (layer.class_names, layer.resizing) == (("background", "red", "blue"), "pad")
    np.testing.assert_allclose(loaded(pictures), model(pictures), atol=1e-6)


def test_what_it_refuses():
    with pytest.raises(UsageError, match="multiple of 8, got 100: try 96"):
        build_enet(size=100, class_names=("a", "b"))
    with pytest.raises(UsageError, match="needs the names"):
        build_enet(size=64, class_names=())
    for changes in ({"backbone": "resnet50"}, {"weights": "imagenet"}, {"aspp_dilations": (1, 2)}):
        with pytest.raises(UsageError, match="is for --model deeplab"):
            segmentation.check(replace(CONFIG, **changes))


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_unpooling_puts_values_where_the_maxima_were(policy):
    # Few different values, so that many maxima are tied.
    before = np.random.default_rng(1).integers(0, 3, (2, 6, 8, 5)).astype(np.float32)
    values = np.random.default_rng(2).normal(size=(2, 3, 4, 5)).astype(np.float16).astype(np.float32)
    _, places = tf.nn.max_pool_with_argmax(before, 2, 2, "VALID", include_batch_in_index=True)
    expected = np.zeros(before.size, np.float32)
    expected[places.numpy().ravel()] = values.ravel()
    with dtype_policy(policy):
        layer = Unpooling()
    for call in (layer, tf.function(layer, jit_compile=True)):
        np.testing.assert_array_equal(call([values, before]), expected.reshape(before.shape))


def test_the_last_convolution_is_a_transposed_one():
    features = np.random.default_rng(0).normal(size=(1, 3, 4, 5)).astype(np.float32)
    full, narrow = keras.layers.Conv2DTranspose(2, 2, 2), keras.layers.Conv2D(8, 1)
    expected, _ = full(features), narrow(features)
    # From [2, 2, C, channels] to [1, 1, channels, 2 2 C], the classes last.
    narrow.kernel.assign(np.array(full.kernel).reshape(1, 8, 5).transpose(0, 2, 1)[None])
    np.testing.assert_allclose(DepthToSpace(2)(narrow(features)), expected, atol=1e-5)
