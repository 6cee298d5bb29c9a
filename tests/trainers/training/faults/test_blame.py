"""Where a step stopped being a number is found, and looking for it changes nothing."""

import keras
import numpy as np
import pytest

from metricfit.trainers.training.faults.blame import blamed, unsound

from . import faulty
from .test_guarded_step import adamw, state

SAID = {
    faulty.SOUND: "computed once more it was a number",
    faulty.LOSS: "all layers give numbers, the loss does not",
    faulty.GRADIENT: "all layers give numbers, the gradient of last/bias is none",
    faulty.STATISTICS: "all layers give numbers, noted/mean is none",
    faulty.LAYER: "layer faulty gives the first value that is no number",
}


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_the_first_that_is_no_number_is_named(policy):
    model = faulty.build(adamw(), policy)
    before = state(model)
    for fault, said in SAID.items():
        assert blamed(model, *faulty.batch(1, fault)).startswith(said)
    for one, other in zip(before, state(model), strict=True):
        np.testing.assert_array_equal(one, other)
    assert "call" not in vars(model.get_layer("faulty"))


def test_layers_within_layers_are_looked_at():
    inner = keras.Sequential([keras.layers.Dense(3, name="deep"), faulty.Faulty(name="deepest")], name="inner")
    inputs = keras.Input(faulty.SHAPE[1:])
    model = keras.Model(inputs, keras.layers.Dense(1)(inner(faulty.Noted(name="noted")(inputs))))
    model.compile("sgd", faulty.loss)
    model.get_layer("inner").layers[0].set_weights([np.full((8, 3), 300.0), np.zeros(3)])
    assert blamed(model, *faulty.batch(1)) == "layer deepest gives the first value that is no number"


def test_weights_that_are_none_are_named_first():
    model = faulty.build(adamw())
    assert unsound(model.weights) is None
    model.get_layer("first").bias.assign(np.array([0, 0, np.inf, 0, 0]))
    assert unsound(model.weights) == "first/bias"
    assert blamed(model, *faulty.batch(1)) == "the weight first/bias is no number"
