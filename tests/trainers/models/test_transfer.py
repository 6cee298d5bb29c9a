"""Weights go from one model to another with other classes, by the classes' names."""

import keras
import numpy as np
import pytest

from metricfit.trainers.models.transfer import transfer_by_class


def build(outputs):
    return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dense(outputs, name="last")])


def test_classes_are_brought_together_by_name_at_every_anchor():
    model, trained = build(5 * 3), build(5 * 2)
    trained.set_weights([np.random.default_rng(0).normal(size=weight.shape) for weight in trained.get_weights()])
    first = model.get_weights()
    transfer_by_class(model, trained, model.get_layer("last").weights, ("new", "b", "a"), ("a", "b"))
    for given, own in zip(model.get_weights()[:2], trained.get_weights()):
        np.testing.assert_array_equal(given, own)
    for given, own, before in zip(model.get_weights()[2:], trained.get_weights()[2:], first[2:]):
        given, own, before = (part.reshape(*part.shape[:-1], 5, -1) for part in (given, own, before))
        np.testing.assert_array_equal(given[..., 1:], own[..., ::-1])
        np.testing.assert_array_equal(given[..., 0], before[..., 0], "what is new keeps its start")


@pytest.mark.parametrize(("outputs", "sentence"), [(2 * 3, "not the same anchors"), (None, "not the same network")])
def test_another_network_is_refused(outputs, sentence):
    model = build(3)
    trained = build(outputs) if outputs else keras.Sequential([keras.Input((3,)), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=sentence):
        transfer_by_class(model, trained, model.get_layer("last").weights, "abc", "abc")
