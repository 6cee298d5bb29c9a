"""The registry, and the manners of the Keras classes."""

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses
from metricfit.losses import backend

from ..reference.saliency_losses import reference
from .contract import MADE_OF_OTHERS
from .stub import STUB, stub


def test_get_makes_the_class_with_its_hyperparameters():
    loss = losses.get("floss", beta2=0.8, from_logits=True, reduction="sum")
    assert type(loss) is losses.FLoss
    expected = {
        "beta2": 0.8, "from_logits": True, "ignore_label": None, "empty_target": "paper", "soft_labels": "dot"
    }  # fmt: skip
    assert loss.get_config() == {"name": "floss", "reduction": "sum", **expected}


def test_get_answers_with_the_choices():
    with pytest.raises(ValueError, match="unknown loss 'bce': choose one of floss, log_floss, cross_entropy"):
        losses.get("bce")
    with pytest.raises(
        ValueError, match=r"unknown loss 'lovasz_softmx': .*cross_entropy_ohem; did you mean lovasz_softmax\?$"
    ):
        losses.get("lovasz_softmx")
    with pytest.raises(ValueError, match="loss floss has no hyperparameter beta: choose from beta2, from_logits"):
        losses.get("floss", beta=0.3)
    with pytest.raises(ValueError, match="loss cross_entropy has no hyperparameter beta2, name"):
        losses.get("cross_entropy", beta2=0.3, name="x")
    with pytest.raises(ValueError, match="beta2 must be a number above 0, got -1"):
        losses.get("log_floss", beta2=-1)


@pytest.mark.parametrize("room", ["losses", "metrics"])
def test_another_backend_is_refused_in_a_sentence(room):
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    code = f"import metricfit.{room}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: metricfit works with Keras' backend tensorflow alone, and jax is set: give "
        'KERAS_BACKEND=tensorflow, in the environment or ~/.keras/keras.json ("backend"), before keras is imported'
    )


def test_a_backend_that_keras_has_already_is_refused(monkeypatch):
    backend.refuse_others()
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ImportError, match="backend tensorflow alone, and torch is set"):
        backend.refuse_others()


def test_every_task_of_the_registry_has_a_contract():
    tasks = {entry.task for entry in losses.LOSSES.values()}
    assert {f"test_contract_{task}.py" for task in tasks} == {
        path.name for path in Path(__file__).parent.glob("test_contract_*.py")
    }


def test_a_loss_without_a_reference_is_told_what_to_add():
    with pytest.raises(AssertionError, match=r"loss bce has no reference: .* tests/reference/saliency_losses.py"):
        reference("bce", np.ones((1, 2, 2)), np.ones((1, 2, 2)))


def test_entries_are_complete():
    shapes = {"saliency": "[B, H, W]", "segmentation": "[B, H, W, C]", "detection": "any shape"}
    for name, entry in losses.LOSSES.items():
        assert name == entry.name == entry.loss_class().name
        assert getattr(losses, entry.function.__name__) is entry.function
        assert getattr(losses, entry.loss_class.__name__) is entry.loss_class
        assert entry.optimises
        assert entry.reference
        for section in ("Gradient:", "Args:", "Returns:", "Raises:", shapes[entry.task]):
            assert section in inspect.getdoc(entry.function)
        assert keras.saving.get_registered_name(entry.loss_class) == f"metricfit>{entry.loss_class.__name__}"


def test_hyperparameters_hold_the_defaults():
    assert losses.LOSSES["log_floss"].hyperparameters == {
        "beta2": 0.3,
        "from_logits": False,
        "ignore_label": None,
        "empty_target": "paper",
        "soft_labels": "dot",
    }
    assert losses.LOSSES["cross_entropy"].hyperparameters == {"from_logits": False, "ignore_label": None}


def test_odd_sample_weights_are_refused():
    masks, maps = np.ones((2, 3, 3)), np.full((2, 3, 3), 0.5, np.float32)
    with pytest.raises(ValueError, match=r"sample_weight must have shape \[B\] or \[B, H, W\], got \(2, 3\)"):
        losses.FLoss()(masks, maps, np.ones((2, 3)))
    np.testing.assert_allclose(losses.FLoss()(masks, maps, 2.0), 2 * losses.FLoss()(masks, maps))


def test_an_ignore_label_must_fit_the_labels():
    maps = np.full((1, 2, 2), 0.5, np.float32)
    with pytest.raises(ValueError, match="ignore_label must be a uint8 as y_true is, got -1"):
        losses.floss(np.ones((1, 2, 2), np.uint8), maps, ignore_label=-1)
    whole = losses.floss(np.ones((1, 2, 2), bool), maps)
    np.testing.assert_array_equal(losses.floss(np.ones((1, 2, 2), bool), maps, ignore_label=255), whole)


def test_a_keras_mask_is_not_looked_at():
    masks, maps = np.ones((2, 3, 3)), tf.fill((2, 3, 3), 0.5)
    plain = losses.FLoss()(masks, maps)
    maps._keras_mask = tf.zeros((2, 3), tf.bool)
    np.testing.assert_array_equal(losses.FLoss()(masks, maps), plain)


def test_labels_of_unknown_rank_are_refused_in_a_sentence():
    @tf.function(input_signature=[tf.TensorSpec(None, tf.float32)])
    def step(y_true):
        return losses.floss(y_true, tf.zeros((1, 2, 2)))

    with pytest.raises(ValueError, match=r"y_true must have shape \[B, H, W\], got an unknown rank"):
        step(tf.zeros((1, 2, 2)))


def test_the_classes_have_the_signatures_of_their_functions():
    for entry in losses.LOSSES.values():
        parameters = inspect.signature(entry.loss_class).parameters
        assert {name: parameter.default for name, parameter in parameters.items()} == {
            **entry.hyperparameters,
            "reduction": "sum_over_batch_size",
            "name": entry.name,
        }
        with pytest.raises(TypeError, match="unexpected keyword argument 'beta3'"):
            entry.loss_class(beta3=1)


def test_a_subclass_may_have_a_constructor_of_its_own():
    class Tilted(losses.FLoss):
        def __init__(self, tilt, **arguments):
            super().__init__(beta2=tilt, **arguments)

    assert list(inspect.signature(Tilted).parameters) == ["tilt", "arguments"]
    assert Tilted(0.5, reduction="sum").get_config()["beta2"] == 0.5


def test_type_checkers_read_what_is_there():
    found, expected = (ast.parse(text) for text in (STUB.read_text(), stub()))
    order = lambda tree: sorted(map(ast.dump, tree.body))  # noqa: E731
    assert order(found) == order(expected), "run make stub"


def model_with(loss):
    model = keras.Sequential([keras.Input((3, 3, 1)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", loss)
    return model


def compiled_with(loss):
    """Train one step with the loss as `model.compile` takes it; gives what it made of it."""
    model = model_with(loss)
    maps = np.linspace(0, 1, 36, dtype=np.float32).reshape(4, 3, 3, 1)
    history = model.fit(maps, maps > 0.5, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    return history[0]


def test_what_compile_takes():
    keras.utils.set_random_seed(0)
    expected = compiled_with(losses.FLoss())
    for loss in (losses.FLoss, losses.floss, losses.get("floss"), keras.losses.get(saved("metricfit>FLoss"))):
        keras.utils.set_random_seed(0)
        assert compiled_with(loss) == pytest.approx(expected)
    assert keras.losses.get(saved("metricfit>FLoss", beta2=0.8)).get_config()["beta2"] == 0.8
    assert keras.saving.get_registered_object("metricfit>FLoss") is losses.FLoss


@pytest.mark.parametrize("name", [name for name in losses.LOSSES if name not in MADE_OF_OTHERS])
def test_a_function_comes_back_with_a_saved_model(name, tmp_path):
    function = losses.LOSSES[name].function
    model_with(function).save(tmp_path / "model.keras")
    assert keras.saving.load_model(tmp_path / "model.keras").loss is function


def saved(class_name, **config):
    return {"class_name": class_name, "config": config}


@pytest.mark.parametrize("name", ["floss", "FLoss", "metricfit>FLoss"])
def test_keras_reads_names_from_its_own_table_alone(name):
    # the day that this fails, docs/losses.md can say that names work in compile
    with (
        keras.saving.custom_object_scope({name: losses.FLoss}),
        pytest.raises(ValueError, match="Could not interpret loss identifier"),
    ):
        compiled_with(name)
