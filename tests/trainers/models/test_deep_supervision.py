"""Deeply supervised saliency: several maps in training, one ever after; DSS, DHS, Amulet and BASNet."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.signal import correlate

from metricfit import losses
from metricfit.export.runners.load import load_keras
from metricfit.trainers.errors import UsageError
from metricfit.trainers.metrics.keras.f_measure import FirstMapFMeasure, FMeasure
from metricfit.trainers.models.backbones import builders
from metricfit.trainers.models.deeply_supervised import basnet
from metricfit.trainers.models.deeply_supervised.amulet import build_amulet
from metricfit.trainers.models.deeply_supervised.basnet import build_basnet
from metricfit.trainers.models.deeply_supervised.dhs import STEPS, build_dhs
from metricfit.trainers.models.deeply_supervised.dss import build_dss
from metricfit.trainers.models.layers.logits import SideOutputs, has_side_outputs
from metricfit.trainers.tasks import first_model, get_task
from metricfit.trainers.training.config import SaliencyConfig
from metricfit.trainers.training.reporting import read_history
from metricfit.trainers.training.saved import load_model

from ...conftest import registered, tiny_backbone

saliency = get_task("saliency")
LEVELS = ("P1", "P2", "P3", "P4", "P5")


@pytest.fixture(scope="module")
def dss():
    keras.utils.set_random_seed(0)
    with registered():
        return build_dss("tiny", size=32, width=0.05)


@pytest.fixture(scope="module")
def dhs():
    keras.utils.set_random_seed(0)
    with registered():
        return build_dhs("tiny", size=32, width=0.05)


@pytest.fixture(scope="module")
def amulet():
    keras.utils.set_random_seed(0)
    with registered():
        return build_amulet("tiny", size=32, width=0.05)


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


def reached_levels(model, pictures, weights, count=6):
    """For each map of a model in training, which of the weights, named by their level, change it."""
    with tf.GradientTape(persistent=True) as tape:
        maps = outputs_in_training(model, pictures, count)
        sums = [tf.reduce_sum(single**2) for single in tf.unstack(maps, axis=-1)]
    found = []
    for total in sums:
        gradients = tape.gradient(total, [weight.value for weight in weights.values()])
        found.append({name for name, one in zip(weights, gradients) if one is not None and np.abs(one).max() > 0})
    return found


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
    weights = {level: dss.get_layer(f"{level}_score").kernel for level in LEVELS}
    assert reached_levels(dss, pictures, weights) == [set(LEVELS), *reached.values()]


def test_dss_starts_as_the_mean_of_its_sides(dss, pictures):
    maps = np.array(dss(pictures, training=True))
    np.testing.assert_allclose(maps[..., 0], maps[..., 1:].mean(axis=-1), atol=1e-5)


def test_a_refinement_is_told_of_its_level_and_the_maps_before_it(dhs, pictures):
    weights = {"coarse": dhs.get_layer("coarse_dense").kernel}
    weights |= {level: dhs.get_layer(f"{level}_squashed").kernel for level in reversed(LEVELS[:-1])}
    order = list(weights)
    # The finest first, as the maps are.
    assert reached_levels(dhs, pictures, weights, 5) == [set(order[:count]) for count in range(5, 0, -1)]


def test_a_recurrent_convolution_looks_at_what_it_made_three_times_more(dhs, pictures):
    def shown(*names):
        return keras.Model(dhs.input, [dhs.get_layer(name).output for name in names])(pictures)

    def convolved(features, name):
        """A 3x3 convolution of one picture, place by place and channel by channel."""
        layer = dhs.get_layer(name)
        kernel = np.asarray(layer.kernel)
        return np.stack(
            [
                sum(correlate(features[..., one], kernel[..., one, out], "same") for one in range(kernel.shape[2]))
                + (float(layer.bias[out]) if layer.use_bias else 0)
                for out in range(kernel.shape[3])
            ],
            axis=-1,
        )

    rng = np.random.default_rng(0)
    layers = [dhs.get_layer(f"P3_look{step}_norm") for step in range(1 + STEPS)]
    for layer in layers:
        layer.set_weights([rng.uniform(0.5, 2, value.shape) for value in layer.get_weights()])
    given, score = (np.asarray(one)[0] for one in shown("P3_given", "P3_score"))
    forward, state = convolved(given, "P3_forward"), 0.0
    for step, layer in enumerate(layers):
        looked = np.maximum(forward + (convolved(state, "P3_recurrent") if step else 0), 0)
        scale, offset, mean, variance = layer.get_weights()
        state = (looked - mean) / np.sqrt(variance + layer.epsilon) * scale + offset
    assert np.ptp(score) > 0.01, "a constant map would prove nothing"
    np.testing.assert_allclose(score, convolved(state, "P3_score"), rtol=1e-4, atol=1e-5)
    assert 0 <= given.min() <= given.max() <= 1, "features and map in the same range"


def test_a_map_of_the_level_is_not_enlarged(dhs):
    factors = {layer.name: layer.size for layer in dhs.layers if isinstance(layer, keras.layers.UpSampling2D)}
    assert (1, 1) not in factors.values(), factors
    assert factors["P3_before"] == (2, 2)


def test_a_coarse_map_sees_all_places(dhs, pictures):
    coarse = keras.Model(dhs.input, [dhs.get_layer("levels").output[-1], dhs.get_layer("coarse_score").output])
    deepest, drawn = coarse(pictures)
    assert drawn.shape[1:] == (2, 2, 1), "twice the resolution of the deepest level"
    kernel, bias = dhs.get_layer("coarse_dense").get_weights()
    expected = np.reshape(deepest, (2, -1)) @ kernel + bias
    np.testing.assert_allclose(np.reshape(drawn, (2, -1)), expected, rtol=1e-4, atol=1e-5)


def test_each_combination_has_all_levels_and_predicts_after_the_deeper_ones(amulet, pictures):
    for level in LEVELS:
        mixed = keras.Model(amulet.input, amulet.get_layer(f"{level}_mixed").output)
        kernels = {name: amulet.get_layer(f"{level}_of_{name}").kernel for name in LEVELS}
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(mixed(pictures) ** 2)
        gradients = tape.gradient(total, [kernel.value for kernel in kernels.values()])
        assert all(np.abs(gradient).max() > 0 for gradient in gradients), level
    weights = {level: amulet.get_layer(f"{level}_mixed").kernel for level in LEVELS}
    fused, *sides = reached_levels(amulet, pictures, weights)
    assert fused == set(LEVELS)
    assert sides == [set(LEVELS[index:]) for index in range(5)]
    edges = amulet.get_layer("edges").kernel
    assert reached_levels(amulet, pictures, {"edges": edges}) == [{"edges"}] * 6


def test_amulet_starts_as_the_mean_of_its_sides(amulet, pictures):
    maps = np.array(amulet(pictures, training=True))
    np.testing.assert_allclose(maps[..., 0], maps[..., 1:].mean(axis=-1), atol=1e-5)


@pytest.mark.parametrize("build", [build_dss, build_dhs, build_amulet])
def test_inputs_may_be_no_squares_and_backbones_lack_the_finest_level(build):
    with registered(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(builders.BACKBONES, "tiny", without_finest_level)
        model = build("tiny", size=(32, 64), width=0.05)
    assert model.output_shape == (None, 32, 64)
    assert model(np.zeros((1, 32, 64, 3), np.uint8), training=True).shape[:3] == (1, 32, 64)


def without_finest_level(input_shape):
    features = tiny_backbone(input_shape)
    del features.pyramid_level_inputs["P1"]
    return features


ALL = ("dss", "dhs", "amulet", "narrow_basnet")


@pytest.mark.parametrize("name", ALL)
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


@pytest.mark.parametrize("name", ALL)
def test_what_is_saved_is_the_same_model_with_one_output(name, pictures, request, tmp_path):
    model = request.getfixturevalue(name)
    model.save(tmp_path / "model.keras")
    loaded, task = load_keras(tmp_path / "model.keras")
    assert task.name == "saliency"
    np.testing.assert_allclose(loaded(pictures), model(pictures), atol=1e-6)
    assert load_model(tmp_path / "model.keras")(pictures, training=True).shape[-1] > 1, "it can be trained further"


def test_a_network_for_one_size_says_for_which(config, monkeypatch):
    monkeypatch.setattr(first_model, "settings_of", lambda init: {"model": "dhs", "backbone": "tiny", "size": 32})
    said = first_model.advice(replace(config, model="dhs", init="run", size=64), "saliency", saliency.network)
    assert said == "use --size 32, for which some of its layers are made"


def test_weights_of_places_go_to_no_other_size_of_the_same_area(config):
    with registered():
        wide, high = (build_dhs("tiny", size=size, width=0.05) for size in ((32, 64), (64, 32)))
    assert [one.shape for one in wide.weights] == [one.shape for one in high.weights]
    with pytest.raises(ValueError, match="made for pictures of 32x64 alone"):
        saliency.initialise(high, wide, config)
    saliency.initialise(wide, wide, config)


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
