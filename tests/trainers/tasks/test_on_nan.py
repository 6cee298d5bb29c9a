"""Whole trainings of every task in which one picture makes numbers that are none: stop, skip, go back."""

import json
import logging
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.data import sources
from metricfit.trainers.data.augmentation.settings import NO_AUGMENTATION, NO_BOX_AUGMENTATION, NO_LABEL_AUGMENTATION
from metricfit.trainers.errors import DivergedError, UsageError
from metricfit.trainers.tasks import get_task
from metricfit.trainers.tasks.saliency import Saliency
from metricfit.trainers.training.config import DetectionConfig
from metricfit.trainers.training.reporting import read_history
from metricfit.trainers.training.saved import load_model
from metricfit.trainers.training.states import read_state, state_files

from ...conftest import Colours, Discs

pytestmark = pytest.mark.usefixtures("undrawn_figures")
WHITE = 7  # of the twenty pictures, of which 18 train in batches of 6


def white(source):
    class White(source):
        """Twenty pictures, one of them white."""

        def __init__(self, rest, needs):
            super().__init__(rest, needs)
            self.names = self.names[:20]

        def load(self, index):
            example = super().load(index)
            return replace(example, image=np.full_like(example.image, 255)) if index == WHITE else example

    return White


@pytest.fixture
def pictures(tiny, monkeypatch):
    for name, source in (("whitediscs", Discs), ("whitecolours", Colours)):
        monkeypatch.setitem(sources.SOURCES, name, sources.SourceKind(f"{name}:SPLIT", white(source)))


def failing(task, least_rate=0.0):
    """The same task, whose loss on a batch with the white picture is nan at a learning rate above the least."""

    class Failing(type(task)):
        def compile_model(self, model, *arguments):
            super().compile_model(model, *arguments)
            plain = model.compute_loss

            def compute_loss(x=None, y=None, y_pred=None, sample_weight=None, training=True):
                bad = tf.reduce_any(tf.reduce_all(tf.cast(x, tf.float32) > 250, [1, 2, 3]))
                bad &= tf.cast(model.optimizer.learning_rate, tf.float32) > least_rate
                return tf.where(bad, np.nan, plain(x, y, y_pred, sample_weight, training=training))

            model.compute_loss = compute_loss

    return Failing()


@pytest.fixture
def discs(plain_config, pictures, tmp_path):
    own = {"out": str(tmp_path / "run"), "data": "whitediscs:train", "augmentation": NO_AUGMENTATION}
    return replace(plain_config, **own, epochs=2, ema=0.9)


def all_finite(folder):
    states = [read_state(path)[1].values() for path in state_files(folder / "checkpoints")]
    arrays = [*load_model(folder).get_weights(), *(values for state in states for values in state)]
    return all(np.isfinite(values).all() for values in arrays)


def test_stopped_and_then_skipped(discs, caplog):
    task = failing(get_task("saliency"))
    with pytest.raises(DivergedError) as told:
        task.train(discs)
    sentence = str(told.value)
    assert sentence.startswith("the loss became nan in ")
    assert "of epoch 1 (all layers give numbers, the loss does not; its pictures are train" in sentence
    assert "train07" in sentence
    assert "--on-nan skip" in sentence
    assert "\n" not in sentence
    with caplog.at_level(logging.WARNING, logger="metricfit"):
        result = task.train(replace(discs, on_nan="skip"))
    assert all_finite(result.folder)
    rows = read_history(result.folder / "history.csv")
    assert len(rows) == 2
    assert all(np.isfinite(list(row.values())).all() for row in rows)
    kept = json.loads((result.folder / "checkpoints/faults.json").read_text())
    assert [fault["epoch"] for fault in kept["skipped"]] == [1, 2]
    assert all("train07" in fault["files"] for fault in kept["skipped"])
    assert "--on-nan skip: 2 steps left out: the loss became nan at step" in caplog.text


def settings(task, segmentation_config, out):
    shared = {"out": out, "epochs": 1, "on_nan": "skip", "batch_size": 6, "min_epoch_steps": 1}
    if task == "segmentation":
        own = {
            "data": "whitecolours:train",
            "backbone": "plain",
            "augmentation": NO_LABEL_AUGMENTATION,
            "class_weights": "none",
            "resizing": "stretch",
            "equibatch": False,
            "mixed_precision": "float16",
        }
        return replace(segmentation_config, **shared, **own)
    return DetectionConfig(
        **shared, data="whitediscs:train", backbone="plain", size=64, augmentation=NO_BOX_AUGMENTATION, channels=8,
        head_layers=0, resizing="stretch", quiet=True,
    )  # fmt: skip


@pytest.mark.long  # by the same lines as in the trainings above
@pytest.mark.parametrize("name", ["segmentation", "detection"])
def test_every_task_leaves_a_faulty_step_out(pictures, segmentation_config, tmp_path, name):
    config = settings(name, segmentation_config, str(tmp_path / "run"))
    result = failing(get_task(name)).train(config)
    kept = json.loads((result.folder / "checkpoints/faults.json").read_text())
    assert kept["skipped"]
    assert all("train07" in fault["files"] for fault in kept["skipped"])
    assert all_finite(result.folder)
    assert np.isfinite(read_history(result.folder / "history.csv")[0]["loss"])


def test_back_to_the_beginning_with_half_the_learning_rate(discs, caplog):
    rates = []

    class Noting(Saliency):
        def watchers(self, *arguments):
            class Note(keras.callbacks.Callback):
                def on_train_batch_begin(self, batch, logs=None):
                    rates.append(float(self.model.optimizer.learning_rate))

            return [*super().watchers(*arguments), Note()]

    with caplog.at_level(logging.WARNING, logger="metricfit"):
        result = failing(Noting(), least_rate=0.6e-2).train(replace(discs, on_nan="restore"))
    assert all_finite(result.folder)
    assert "back to the beginning, with 0.5 of the learning rate (1 of at most 3 times)" in caplog.text
    first = len(rates) - 6
    assert 1 <= first <= 3, "all six steps were taken again"
    np.testing.assert_allclose(rates[first:][:first], 0.5 * np.array(rates[:first]), rtol=1e-6)
    assert len(read_history(result.folder / "history.csv")) == 2


def test_first_weights_that_are_none_are_refused(discs, plain_trained, tmp_path):
    model = load_model(plain_trained.folder)
    model.set_weights([np.full_like(values, np.nan) for values in model.get_weights()])
    model.save(tmp_path / "broken.keras")
    with pytest.raises(UsageError, match="first weights hold values that are no numbers"):
        get_task("saliency").train(replace(discs, init=str(tmp_path / "broken.keras")))
