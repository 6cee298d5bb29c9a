"""What several devices of a machine do together, beside what one does; the trainings run in processes of their own."""

import inspect
import subprocess
import sys
from dataclasses import replace

import pytest

from metricfit.trainers.errors import UsageError
from metricfit.trainers.training import run
from metricfit.trainers.training.config import DetectionConfig, SaliencyConfig
from metricfit.trainers.training.devices import keras_replicas
from metricfit.trainers.training.devices.distribution import as_the_chief, distribution_of


def program(name, folder):
    """Run one of the programs; gives what it printed."""
    words = [sys.executable, "-m", "metricfit.tests.trainers.training.devices.programs", name, str(folder)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


@pytest.mark.parametrize("name", ["steps_of_two", pytest.param("equal_steps", marks=pytest.mark.long)])
def test_two_and_four_devices_take_the_steps_of_one(tmp_path, name):
    # The other tasks, in 20 steps, and two processes: tests/soak/devices.py
    assert program(name, tmp_path).count("weights differ by") == 1


@pytest.mark.long
def test_so_do_those_of_a_network_of_keras_hub(tmp_path):
    pytest.importorskip("keras_hub", reason="the extra hub is not installed")
    assert program("hub_steps", tmp_path).count("weights differ by") == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"strategy": "mirrored", "jit_compile": True}, "--jit-compile is for one device"),
        ({"devices": 2}, "--strategy mirrored"),
        ({"strategy": "mirrored", "devices": 0}, "--devices must be at least 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(settings, said):
    with pytest.raises(UsageError, match=said):
        run.check(replace(SaliencyConfig(), **settings))


def test_without_a_tpu_one_sentence_says_so():
    with pytest.raises(UsageError, match="--strategy tpu: no TPU was found") as refused:
        distribution_of(SaliencyConfig(strategy="tpu"))
    assert "\n" not in str(refused.value)


def test_other_versions_of_keras_are_refused(monkeypatch):
    for version in ("3.9.2", "3.16.0", "4.0.0"):
        monkeypatch.setattr(keras_replicas.keras, "__version__", version)
        with pytest.raises(UsageError, match=f"--strategy needs Keras 3.10 to 3.15, .* this is {version}"):
            keras_replicas.check_keras()
    monkeypatch.setattr(keras_replicas.keras, "__version__", "3.15.1")
    keras_replicas.check_keras()


def test_keras_is_still_in_need_of_what_we_change():
    """Once this fails, Keras has changed: look whether `devices/keras_replicas.py` can lose a part."""
    from keras.src.backend.tensorflow import optimizer, trainer

    assert 'strategy.reduce("MEAN", v, axis=0)' in inspect.getsource(trainer.reduce_per_replica)
    build = inspect.getsource(trainer.TensorFlowTrainer._maybe_symbolic_build)
    assert "distribute_strategy.reduce(" in build
    steps = inspect.getsource(optimizer.TFOptimizer._backend_update_step)
    assert "_all_reduce_sum_gradients" in steps, "gradients are clipped before they are added up"


def test_each_machine_has_its_models_where_it_was_told():
    of_chief = SaliencyConfig(init="there/first", teacher="there/large", epochs=7)
    own = as_the_chief(SaliencyConfig(init="here/first", teacher="here/large", epochs=3), of_chief)
    assert own == replace(of_chief, init="here/first", teacher="here/large")
    boxes = as_the_chief(DetectionConfig(init="here/first"), DetectionConfig(init="there/first", epochs=7))
    assert (boxes.init, boxes.epochs) == ("here/first", 7), "a detector has no teacher"
