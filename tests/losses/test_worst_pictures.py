"""The worst pictures of a batch, against a sorted list, in every mode, and with the losses that they are taken of."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses

from ..reference.worst_pictures import worst_mean
from .modes import MODES, assert_close

LOGITS = {"from_logits": True}
MAPS = {
    "floss": losses.FLoss(**LOGITS, ignore_label=255),
    "lovasz_hinge": losses.LovaszHinge(),
    "lovasz_softmax": losses.LovaszSoftmax(**LOGITS, per_image=True, method="exact"),
    "sum": losses.combined(
        {"softmax_cross_entropy": 1.0, "lovasz_softmax": 0.5}, **LOGITS, per_image=True, method="exact"
    ),
    "maps": losses.DeepSupervision(losses.CrossEntropy(**LOGITS), (2.0, 1.0)),
}


def batch(name, pictures, seed=0):
    """Labels and logits of a batch, the later pictures the worse."""
    rng = np.random.default_rng(seed)
    several = {"lovasz_softmax": (3,), "sum": (3,), "maps": (2,)}.get(name, ())
    labels = rng.integers(0, 3 if several == (3,) else 2, (pictures, 6, 5)).astype(np.int32)
    logits = rng.normal(0, 2, (pictures, 6, 5, *several)).astype(np.float32)
    return labels, logits


def alone(name, labels, logits):
    """The loss of each picture by itself, and its gradient: those of batches of one."""
    values, gradients = [], []
    for label, logit in zip(labels, logits):
        given = tf.constant(logit[None])
        with tf.GradientTape() as tape:
            tape.watch(given)
            value = MAPS[name](label[None], given)
        values.append(float(value))
        gradients.append(tape.gradient(value, given)[0].numpy())
    return values, np.array(gradients)


def value_and_gradient(loss, labels, logits, mode="eager", *further):
    def step(labels, logits, *further):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = loss(labels, logits, *further)
            upstream = 3 * value
        return value, tape.gradient(upstream, logits) / 3

    value, gradient = MODES[mode](step)(*map(tf.constant, (labels, logits, *further)))
    return float(value), gradient.numpy()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", MAPS)
def test_it_is_the_mean_over_the_worst_and_leads_to_them_alone(name, mode):
    labels, logits = batch(name, 7)
    values, gradients = alone(name, labels, logits)
    expected, places = worst_mean(values, "0.4")
    value, gradient = value_and_gradient(losses.WorstPictures(MAPS[name], 0.4), labels, logits, mode)
    assert len(places) == 3
    assert value == pytest.approx(expected, rel=1e-5)
    wanted = np.zeros_like(gradients)
    wanted[places] = gradients[places] / 3
    assert_close(gradient, wanted, 1e-5)
    others = sorted({*range(7)} - {*places})
    assert not gradient[others].any()


@pytest.mark.parametrize("mode", ["eager", "graph"])
@pytest.mark.parametrize("share", ["0.2", "0.07", "0.27", "1", "0.001", "0.334"])
def test_how_many_are_the_worst(share, mode):
    """Also of batches whose size is not known beforehand."""
    loss = losses.WorstPictures(losses.CrossEntropy(**LOGITS), float(share))
    step = lambda labels, logits: loss(labels, logits)  # noqa: E731
    if mode == "graph":
        step = tf.function(step, input_signature=[tf.TensorSpec([None, 1, 1])] * 2, autograph=False)
    for pictures in (1, 3, 5, 10, 100):
        logits = np.random.default_rng(pictures).normal(0, 1, (pictures, 1, 1)).astype(np.float32)
        each = losses.cross_entropy(np.zeros_like(logits), logits, **LOGITS).numpy().tolist()
        found = float(step(tf.zeros_like(logits), tf.constant(logits)))
        assert found == pytest.approx(worst_mean(each, share)[0], rel=1e-5)


def test_of_equal_pictures_the_first_are_the_worst():
    labels, logits = np.zeros((5, 2, 2), np.float32), np.zeros((5, 2, 2), np.float32)
    logits[3] = -1
    for mode in MODES:
        _, gradient = value_and_gradient(losses.WorstPictures(losses.FLoss(**LOGITS), 0.4), 1 - labels, logits, mode)
        assert gradient.any(axis=(1, 2)).tolist() == [True, False, False, True, False]


def test_weights_of_a_sum_count_when_they_change():
    both = losses.combined(floss=1.0, cross_entropy=0.0, from_logits=True)
    loss, (labels, logits) = losses.WorstPictures(both, 0.4), batch("floss", 6)
    float(loss(labels, logits))
    both.weights.assign([0.0, 1.0])
    other = losses.WorstPictures(losses.CrossEntropy(from_logits=True), 0.4)
    assert float(loss(labels, logits)) == pytest.approx(float(other(labels, logits)))


def test_weights_of_pictures_and_what_is_left_out():
    labels, logits = batch("floss", 6)
    loss = losses.WorstPictures(MAPS["floss"], 0.5)
    weights = np.array([0, 1, 2, 0.5, 1, 0], np.float32)
    each = losses.FLoss(**LOGITS, reduction="none")(labels, logits).numpy() * weights
    value, _ = value_and_gradient(loss, labels, logits, "eager", weights)
    assert value == pytest.approx(worst_mean(each.tolist(), "0.5")[0], rel=1e-6)
    labels[2:] = 255
    values = [float(MAPS["floss"](labels[:1], logits[:1])), float(MAPS["floss"](labels[1:2], logits[1:2]))]
    value, gradient = value_and_gradient(loss, labels, logits)
    assert value == pytest.approx(sum(values) / 3, rel=1e-6)
    assert not gradient[2:].any()
    pixels = np.zeros(labels.shape, np.float32)
    assert float(loss(labels, logits, pixels)) == 0


def test_a_value_that_is_no_number_is_told():
    labels, logits = batch("floss", 5)
    logits[4] = np.nan
    for mode in ("eager", "graph"):
        assert np.isnan(value_and_gradient(losses.WorstPictures(losses.FLoss(**LOGITS), 0.2), labels, logits, mode)[0])


@pytest.mark.parametrize("name", MAPS)
def test_it_comes_back_from_a_saved_model(name, tmp_path):
    labels, logits = batch(name, 5)
    inputs = keras.Input(logits.shape[1:])
    model = keras.Model(inputs, keras.layers.Rescaling(1.0)(inputs))
    loss = losses.WorstPictures(MAPS[name], 0.3, scope="replica")
    model.compile("sgd", loss)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras").loss
    assert (again.share, again.scope, again.name) == (0.3, "replica", "worst_pictures")
    assert float(again(labels, logits)) == float(loss(labels, logits))


def test_a_training_by_its_worst_pictures_moves():
    images = np.random.default_rng(0).normal(0, 1, (10, 4, 4, 3)).astype(np.float32)
    masks = (images[..., 0] > 0).astype(np.int32)
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Dense(1), keras.layers.Reshape((4, 4))])
    model.compile(keras.optimizers.Adam(0.1), losses.WorstPictures(losses.FLoss(**LOGITS), 0.2), jit_compile=True)
    history = model.fit(images, masks, batch_size=5, epochs=10, verbose=0).history["loss"]
    assert history[-1] < 0.7 * history[0]


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: losses.WorstPictures(losses.LovaszSoftmax(), 0.2),
            "lovasz_softmax takes the batch as one: set per_im",
        ),
        (lambda: losses.WorstPictures(losses.get("ap"), 0.2), "a loss of metricfit that gives each .* got APLoss"),
        (
            lambda: losses.WorstPictures(losses.combined(floss=1.0, softmax_cross_entropy=1.0), 0.2),
            "softmax_cross_entropy takes the batch as one",
        ),
        (lambda: losses.WorstPictures(losses.FLoss(), 0), "share must be a number above 0, up to 1, got 0"),
        (lambda: losses.WorstPictures(losses.FLoss(), 1.5), "share must be"),
        (lambda: losses.WorstPictures(losses.FLoss(), 0.5, scope="all"), "scope must be one of global, replica"),
    ],
)
def test_what_it_refuses(make, said):
    with pytest.raises(ValueError, match=said):
        make()
