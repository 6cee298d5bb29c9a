"""Deep supervision: the mean of one loss over several maps, against the sum written out."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses

from ..reference.saliency_losses import floss


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    return (rng.random((2, 6, 5)) < 0.4).astype(np.int32), rng.normal(0, 2, (2, 6, 5, 3)).astype(np.float32)


@pytest.mark.parametrize("weights", [None, (2.0, 0.0, 1.0)])
def test_it_is_the_weighted_mean_over_the_maps(maps, weights):
    masks, logits = maps
    alone = []
    for index in range(3):
        images = [(mask, map_, np.ones(mask.shape)) for mask, map_ in zip(masks, logits[..., index].astype(float))]
        alone.append(np.mean([value for value, _ in floss(images, from_logits=True)]))
    loss = losses.DeepSupervision(losses.FLoss(from_logits=True), weights)
    assert float(loss(masks, logits)) == pytest.approx(np.average(alone, weights=weights), rel=1e-5)


def test_one_map_has_the_plain_loss(maps):
    masks, logits = maps
    plain = losses.FLoss(from_logits=True)
    loss = losses.DeepSupervision(plain, (2.0, 0.0, 1.0))
    assert float(loss(masks, logits[..., 0])) == float(plain(masks, logits[..., 0]))


def test_each_map_has_its_share_of_the_gradient(maps):
    masks, logits = (tf.constant(values) for values in maps)
    plain = losses.FLoss(from_logits=True)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        value = losses.DeepSupervision(plain)(masks, logits)
        alone = tf.add_n([plain(masks, single) for single in tf.unstack(logits, axis=-1)]) / 3
    np.testing.assert_allclose(tape.gradient(value, logits), tape.gradient(alone, logits), rtol=1e-5)


def test_weights_of_the_images_reach_the_loss(maps):
    masks, logits = maps
    loss = losses.DeepSupervision(losses.CrossEntropy(from_logits=True))
    assert float(loss(masks, logits, np.array([1.0, 0.0]))) == pytest.approx(float(loss(masks[:1], logits[:1])) / 2)


def test_it_comes_back_from_its_config(maps):
    loss = losses.DeepSupervision(losses.FLoss(beta2=0.8, from_logits=True), (1, 2, 3))
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert float(again(*maps)) == float(loss(*maps))


def test_what_it_refuses(maps):
    masks, logits = maps
    plain = losses.FLoss(from_logits=True)
    for weights, sentence in [((0, 0), "must not all be 0"), ((1, -1), "at least 0"), ((), "at least 0")]:
        with pytest.raises(ValueError, match=sentence):
            losses.DeepSupervision(plain, weights)
    with pytest.raises(ValueError, match="must hold 3 numbers"):
        losses.DeepSupervision(plain, (1, 1))(masks, logits)
    with pytest.raises(ValueError, match=r"must have shape \[B, H, W\]"):
        losses.DeepSupervision(plain)(masks, logits[..., None])
