"""What becomes of a faulty step: the sentence, what is left out, what is gone back to, and what of it is remembered."""

import logging
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.errors import DivergedError, MetricfitError
from metricfit.trainers.training.callbacks import Divergence, Position, TrainingCheckpoint
from metricfit.trainers.training.callbacks.checkpoint import keep_state, restore
from metricfit.trainers.training.callbacks.divergence import MOST_IN_A_ROW, WentWrong
from metricfit.trainers.training.devices.metric_states import build_metrics
from metricfit.trainers.training.faults import restoring as restoring_module
from metricfit.trainers.training.faults.guarded_step import GuardedStep
from metricfit.trainers.training.faults.record import Fault, FaultRecord
from metricfit.trainers.training.faults.restoring import Restoring
from metricfit.trainers.training.fitting import is_done
from metricfit.trainers.training.optimizer import Slowed, build_optimizer
from metricfit.trainers.training.states import Reached, state_files

from . import faulty
from .test_guarded_step import adamw

STEPS = 4
FAULT = Fault(9, 3, 2, "the loss became nan", "all layers give numbers, the loss does not", ("a.jpg", "b.jpg"))


def fitted(folder, faults, on_nan, *more):
    """Fit epochs of four steps with faults, under the watch of a `Divergence`; gives the model."""
    model, position = faulty.build(adamw()), Position()
    data = faulty.batches(faults)
    build_metrics(model, data)
    divergence = Divergence(
        folder, position, GuardedStep(model), FaultRecord(folder / "faults.json"), on_nan=on_nan,
        names=lambda step: [f"{step}.jpg"], blame=lambda step: f"layer {step}",
    )  # fmt: skip
    epochs = len(faults) // STEPS
    model.fit(
        data.repeat(), steps_per_epoch=STEPS, epochs=epochs, callbacks=[position, divergence, *more], shuffle=False,
        verbose=0,
    )  # fmt: skip
    return model


def test_the_first_faulty_step_ends_fit_in_a_sentence(tmp_path):
    measured = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            measured.append(epoch)

    with pytest.raises(DivergedError) as told:
        fitted(tmp_path, [0, 0, 0, 0, 0, faulty.LOSS, 0, 0], "stop", Look())
    expected = (
        f"the loss became nan in {tmp_path}, at step 2 of epoch 2 (layer 5; its pictures are 5.jpg): try a lower "
    )
    assert str(told.value).startswith(expected)
    assert measured == [0]
    (tmp_path / "model.keras").touch()
    with pytest.raises(DivergedError, match=r"gradients became no numbers .*; the best epoch before is kept$"):
        fitted(tmp_path, [faulty.GRADIENT, 0, 0, 0], "stop")


def test_steps_are_left_out_until_it_cannot_be_the_pictures(tmp_path, caplog):
    most = [*[faulty.LOSS] * MOST_IN_A_ROW, 0, faulty.GRADIENT]
    with caplog.at_level(logging.WARNING, logger="metricfit"):
        model = fitted(tmp_path, most, "skip")
    assert int(model.optimizer.iterations) == 1
    record = FaultRecord(tmp_path / "faults.json")
    assert [*record.skipped] == [*range(MOST_IN_A_ROW), MOST_IN_A_ROW + 1]
    assert record.skipped[11] == Fault(11, 3, 4, "the gradients became no numbers", "", ("11.jpg",))
    assert record.skipped[0].where == "layer 0"
    assert caplog.text.count("the step is left out") == MOST_IN_A_ROW + 1
    assert "11 steps left out: the loss became nan at step 1 of epoch 1 (layer 0; its pictures are 0.jpg); " in str(
        record.sentences()
    )
    with pytest.raises(DivergedError, match=r"and 10 steps before it were left out: try a lower --learning-rate$"):
        fitted(tmp_path, [faulty.LOSS] * 12, "skip")


def test_weights_that_are_none_at_the_end_of_an_epoch_are_not_kept(tmp_path):
    class Break(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == STEPS - 1:
                average = self.model.optimizer._model_variables_moving_average[0]
                average.assign(np.full(average.shape, np.inf))

    with pytest.raises(DivergedError, match=r"average.* is no number .*, at step 4 of epoch 1"):
        fitted(tmp_path, [0] * STEPS, "stop", Break(), TrainingCheckpoint(tmp_path))
    assert not state_files(tmp_path)
    model = faulty.build(adamw())
    model.get_layer("first").bias.assign([np.nan] * 5)
    with pytest.raises(DivergedError, match="first/bias is no number any more, so no checkpoint is written"):
        keep_state(model, tmp_path, Reached(1))
    assert not state_files(tmp_path)


@pytest.mark.parametrize("damage", ["half", "nothing", "noise", "nan"])
def test_of_a_damaged_checkpoint_the_one_before_is_taken(tmp_path, caplog, damage):
    model = faulty.build(adamw())
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for epoch in (1, 2):
        model.get_layer("first").bias.assign([float(epoch)] * 5)
        keep_state(model, folder, Reached(epoch))
    first, path = state_files(folder)
    data = path.read_bytes()
    path.write_bytes({"half": data[: len(data) // 2], "noise": data[:900] + b"noise" + data[905:]}.get(damage, b""))
    if damage == "nan":
        arrays = dict(np.load(first))
        np.savez(path, **{**arrays, "model/0": np.full_like(arrays["model/0"], np.nan)})
    with caplog.at_level(logging.WARNING, logger="metricfit"):
        assert restore(model, folder) == Reached(1)
    assert model.get_layer("first").bias.numpy().tolist() == [1.0] * 5
    (said,) = (record.getMessage() for record in caplog.records)
    assert f"checkpoint {path} " in said
    assert said.endswith("the one before it is taken, of the end of epoch 1")
    first.write_bytes(b"")
    with pytest.raises(MetricfitError, match="no other one is whole: start anew with --overwrite") as told:
        restore(model, folder)
    assert "\n" not in str(told.value)
    assert "--init" not in str(told.value), "there is no best epoch to begin with"
    (tmp_path / "model.keras").write_bytes(b"weights")
    with pytest.raises(MetricfitError, match=r"with --init .* which begins with its best epoch"):
        restore(model, folder)


def record(folder):
    return FaultRecord(folder / "checkpoints/faults.json")


def test_going_back_halves_the_learning_rate_until_it_was_often_enough(tmp_path, caplog):
    model, rate, left = faulty.build(adamw()), tf.Variable(1.0), 5
    config = SimpleNamespace(on_nan="restore", restores=3)
    batches = SimpleNamespace(training=None, names=None)
    seen = []

    def fit(reached):
        seen.append((reached, float(rate), model.get_layer("first").bias.numpy()[0]))
        model.get_layer("first").bias.assign([7.0] * 5)
        if len(seen) == 2:
            keep_state(model, tmp_path / "checkpoints", Reached(1, 2))
        if len(seen) <= left:
            raise WentWrong(FAULT)

    with caplog.at_level(logging.WARNING, logger="metricfit"), pytest.raises(DivergedError) as told:
        Restoring(config, tmp_path, model, rate, batches, record(tmp_path)).train(fit, Reached())
    assert seen == [
        (Reached(), 1.0, 0.0),
        (Reached(), 0.5, 0.0),
        (Reached(1, 2), 0.25, 7.0),
        (Reached(1, 2), 0.125, 7.0),
    ]
    assert "went back 3 times already (--restores), to 0.125 of its learning rate" in str(told.value)
    assert "back to the beginning, with 0.5 of the learning rate (1 of at most 3 times)" in caplog.text
    assert "back to step 2 of epoch 2, with 0.125 of the learning rate" in caplog.text
    # The next start remembers.
    rate.assign(1.0)
    config.restores = 4
    restoring = Restoring(config, tmp_path, model, rate, batches, record(tmp_path))
    assert float(rate) == 0.125
    left = 5
    restoring.train(fit, Reached(1, 2))
    assert float(rate) == 0.0625
    assert "went back 4 times, the learning rate is 0.0625 of what was asked for" in restoring.record.sentences()[0]


def test_a_damaged_record_is_begun_anew(tmp_path, caplog):
    record = FaultRecord(tmp_path / "faults.json")
    record.skip(FAULT)
    record.go_back(FAULT)
    again = FaultRecord(tmp_path / "faults.json")
    assert (again.skipped, again.went_back, again.factor) == ({9: FAULT}, [FAULT], 0.5)
    many = Fault(0, 1, 1, "x", "", tuple(map(str, range(20))))
    assert many.place.endswith("14, 15, ... and 4 more)")
    for damage in (b"", b"{", b'{"skipped": [{}], "went_back": []}', b"\xff\0"):
        (tmp_path / "faults.json").write_bytes(damage)
        caplog.clear()
        assert FaultRecord(tmp_path / "faults.json").factor == 1
        assert "is damaged and begun anew" in caplog.text


def test_the_time_of_what_is_taken_back_counts(tmp_path, monkeypatch):
    now, entered = [1000.0], []
    monkeypatch.setattr(restoring_module.time, "monotonic", lambda: now[0])
    model, kept = faulty.build(adamw()), record(tmp_path)
    restoring = Restoring(
        SimpleNamespace(on_nan="restore", restores=3), tmp_path, model, tf.Variable(1.0), SimpleNamespace(), kept
    )

    def fit(reached):
        entered.append((reached, kept.lost_seconds))
        now[0] += 100  # of which 60 are in what is kept the first time, and none later
        if len(entered) == 1:
            (tmp_path / "history.csv").write_text("epoch,seconds\r\n1,40.0\r\n2,9.0\r\n", newline="")
            keep_state(model, tmp_path / "checkpoints", Reached(1, 2, 20.0))
        if len(entered) < 3:
            raise WentWrong(FAULT)

    restoring.train(fit, Reached())
    assert entered == [(Reached(), 0), (Reached(1, 2, 20.0), 40), (Reached(1, 2, 20.0), 140)]
    assert record(tmp_path).lost_seconds == 140
    assert is_done(SimpleNamespace(epochs=9, minutes=3.0, patience=None), tmp_path, Reached(2), ("a", "b"), 140)
    assert not is_done(SimpleNamespace(epochs=9, minutes=3.4, patience=None), tmp_path, Reached(2), ("a", "b"), 140)


def test_a_slowed_schedule_is_the_other_times_its_factor():
    config = SimpleNamespace(learning_rate=0.1, warmup_share=0.1, weight_decay=0.0, clip_norm=None, ema=0.0)
    factor = tf.Variable(1.0)
    plain, slowed = build_optimizer(config, 50), build_optimizer(config, 50, factor)
    for step in (0, 7, 30):
        assert float(slowed._learning_rate(step)) == float(plain._learning_rate(step))
    factor.assign(0.25)
    again = Slowed.from_config(slowed._learning_rate.get_config())
    for schedule in (slowed._learning_rate, again):
        assert float(schedule(9)) == pytest.approx(0.25 * float(plain._learning_rate(9)))
