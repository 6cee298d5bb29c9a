"""Deeply supervised saliency: several maps in training, one ever after; DSS, its short connections, and BASNet."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses
from metricfit.export.runners.load import load_keras
from metricfit.trainers.errors import UsageError
from metricfit.trainers.metrics.keras.f_measure import FirstMapFMeasure, FMeasure
from metricfit.trainers.models import basnet
from metricfit.trainers.models.basnet import build_basnet
from metricfit.trainers.models.dss import build_dss
from metricfit.trainers.models.layers.logits import SideOutputs, has_side_outputs
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import SaliencyConfig
from metricfit.trainers.training.reporting import read_history
from metricfit.trainers.training.saved import load_model

from ...conftest import registered

saliency = get_task("saliency")
LEVELS = ("P1", "P2", "P3", "P4", "P5")


@pytest.fixture(scope="module")
def dss():
    keras.utils.set_random_seed(0)
    with registered():
        return build_dss("tiny", size=32, width=0.05)


def narrow_resnet(input_shape):
    """What BASNet takes of a ResNet: four stages of known names, here of one convolution and four channels each."""
    image = keras.Input(input_shape)
    features = keras.layers.Conv2D(4, 7, padding="same")(image)
    names = [f"v2_stack_{stage}_block1_1_conv" for stage in range(4)]
    for name, strides in zip(names, (1, 2, 2, 2)):
        features = keras.layers.Conv2D(4, 3, strides, padding="same", name=name)(features)
    model = keras.Model(image, features)
    model.pyramid_level_inputs = dict(zip(LEVELS[1:], names))
    return model


@pytest.fixture(scope="module")
def narrow_basnet():
    keras.utils.set_random_seed(0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(basnet, "resnet34", narrow_resnet)
        return build_basnet(size=32)


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)


def outputs_in_training(model, pictures, count):
    """The maps in training, after a look at what is given otherwise."""
    assert model.output_shape == (None, 32, 32)
    given = model(pictures)
    assert (given.shape, given.dtype) == ((2, 32, 32), "float32")
    np.testing.assert_array_equal(given, model(pictures.astype("float32"), training=False))
    maps = model(pictures, training=True)
    assert (maps.shape, maps.dtype) == ((2, 32, 32, count), "float32")
    return maps


def test_the_first_map_is_the_one_that_is_given():
    maps = [tf.random.stateless_normal((2, 4, 4, 1), (index, 0)) for index in range(3)]
    layer = SideOutputs()
    np.testing.assert_array_equal(layer(maps, training=True), tf.concat(maps, axis=-1))
    np.testing.assert_array_equal(layer(maps), maps[0][..., 0])
    np.testing.assert_array_equal(layer(maps, training=False), maps[0][..., 0])


def test_side_outputs_are_told_of_deeper_ones_and_the_fused_one_of_all(dss, pictures):
    reached = {
        "P1": {"P1", "P2", "P3", "P4", "P5"},
        "P2": {"P2", "P4", "P5"},
        "P3": {"P3", "P4", "P5"},
        "P4": {"P4"},
        "P5": {"P5"},
    }
    scores = [dss.get_layer(f"{level}_score").kernel for level in LEVELS]
    with tf.GradientTape(persistent=True) as tape:
        maps = outputs_in_training(dss, pictures, 6)
        sums = [tf.reduce_sum(single**2) for single in tf.unstack(maps, axis=-1)]
    for expected, total in zip([set(LEVELS), *reached.values()], sums):
        gradients = tape.gradient(total, [score.value for score in scores])
        assert {level for level, gradient in zip(LEVELS, gradients) if np.abs(gradient).max() > 0} == expected


def test_dss_starts_as_the_mean_of_its_sides(dss, pictures):
    maps = np.array(dss(pictures, training=True))
    np.testing.assert_allclose(maps[..., 0], maps[..., 1:].mean(axis=-1), atol=1e-5)


@pytest.mark.parametrize("name", ["dss", "narrow_basnet"])
def test_the_loss_of_all_maps_reaches_every_weight(name, pictures, request):
    model = request.getfixturevalue(name)
    masks = (pictures[..., 0] > 128).astype("int32")
    with tf.GradientTape() as tape:
        loss = losses.DeepSupervision(losses.FLoss(from_logits=True))(masks, model(pictures, training=True))
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_variables])
    assert [weight.path for weight, gradient in zip(model.trainable_variables, gradients) if gradient is None] == []


def test_basnet_gives_logits_of_the_refined_map_and_seven_sides(narrow_basnet, pictures):
    maps = outputs_in_training(narrow_basnet, pictures, 8)
    refined, finest = maps[..., 0], maps[..., 1]
    assert float(tf.reduce_min(maps)) < 0, "no probabilities"
    assert np.abs(refined - finest).max() > 0, "the refinement adds a residual"


@pytest.mark.parametrize("name", ["dss", "narrow_basnet"])
def test_what_is_saved_is_the_same_model_with_one_output(name, pictures, request, tmp_path):
    model = request.getfixturevalue(name)
    model.save(tmp_path / "model.keras")
    loaded, task = load_keras(tmp_path / "model.keras")
    assert task.name == "saliency"
    np.testing.assert_allclose(loaded(pictures), model(pictures), atol=1e-6)
    assert load_model(tmp_path / "model.keras")(pictures, training=True).shape[-1] > 1, "it can be trained further"


@pytest.mark.long
def test_a_training_of_dss_ends_with_a_saliency_model(config, tmp_path):
    config = replace(config, model="dss", backbone="plain", out=str(tmp_path / "run"), ema=0.5, epochs=2, batch_size=9)
    result = saliency.train(config)
    first, last = (row["loss"] for row in read_history(result.folder / "history.csv"))
    assert last < 0.95 * first
    assert 0 < result.scalars["max_f"] <= 1
    model, task = load_keras(result.folder / "model.keras")
    assert (task.name, model.output_shape, has_side_outputs(model)) == ("saliency", (None, 32, 32), True)
    with pytest.raises(UsageError, match=r"another network \(dss_plain\) than deeplab_plain: use --model dss$"):
        saliency.train(replace(config, model="deeplab", init=config.out, out=str(tmp_path / "other")))


def test_the_metric_looks_at_the_first_map():
    rng = np.random.default_rng(1)
    masks, maps = (rng.random((2, 8, 8)) < 0.4).astype("int32"), rng.random((2, 8, 8, 3)).astype("float32")
    first, plain = FirstMapFMeasure(), FMeasure()
    first.update_state(masks, maps)
    first.update_state(masks, maps[..., 0])
    plain.update_state(np.concatenate([masks, masks]), np.concatenate([maps[..., 0]] * 2))
    assert {name: float(value) for name, value in first.result().items()} == pytest.approx(
        {name: float(value) for name, value in plain.result().items()}
    )


def test_what_basnet_refuses():
    with pytest.raises(UsageError, match="multiple of 32, got 100: try 96"):
        build_basnet(size=100)
    for changes, sentence in [
        ({"backbone": "resnet50"}, "made of a ResNet34 always"),
        ({"weights": "imagenet"}, "--weights imagenet is not to be had"),
        ({"weights": "preset:resnet50_imagenet"}, "is not to be had"),
    ]:
        with pytest.raises(UsageError, match=sentence):
            saliency.check(replace(SaliencyConfig(model="basnet"), **changes))
