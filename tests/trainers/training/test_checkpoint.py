"""States of a training: written within epochs, entered at any step, the same to the bit as without a pause."""

import keras
import numpy as np
import pytest

from metricfit.trainers.errors import MetricfitError, Terminated
from metricfit.trainers.stopping import StopRequest
from metricfit.trainers.training.callbacks import AveragedWeights, Position, TrainingCheckpoint
from metricfit.trainers.training.callbacks import checkpoint as checkpoint_module
from metricfit.trainers.training.callbacks.checkpoint import restore
from metricfit.trainers.training.devices.agreement import Agreement
from metricfit.trainers.training.devices.metric_states import build_metrics
from metricfit.trainers.training.reporting import HistoryCSV, read_history
from metricfit.trainers.training.states import BEGINNING, Reached, read_state, state_files, write_state
from tests.trainers.training.toy import STEPS, build, fit, state, stream

EPOCHS = 2


class Killed(Exception):
    """In place of SIGKILL: nothing catches it."""


class KillAt(keras.callbacks.Callback):
    """Ends the training after so many steps, or in a validation."""

    def __init__(self, step=-1, validation=None):
        super().__init__()
        self.left, self.validation, self.epoch = step, validation, None

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            raise Killed

    def on_test_batch_end(self, batch, logs=None):
        if self.epoch == self.validation:
            raise Killed


def train_on(folder, *further, every=1, seed=1, request=None):
    """Train from the latest state in a folder on; gives the model and where it was entered."""
    model = build(metrics=True, seed=seed)
    reached = restore(model, folder)
    position = Position(reached)
    checkpoint = TrainingCheckpoint(folder, position, every=every, agreement=Agreement(request))
    build_metrics(model, stream())
    callbacks = [position, AveragedWeights(), HistoryCSV(folder / "history.csv", position), checkpoint, *further]
    fit(model, callbacks, EPOCHS, reached.epochs, step=reached.steps)
    return model, reached


def rows_of(folder):
    rows = read_history(folder / "history.csv")
    return [{name: value for name, value in row.items() if "seconds" not in name} for row in rows]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A training without a pause: its state, and its rows."""
    folder = tmp_path_factory.mktemp("whole")
    return state(train_on(folder)[0]), rows_of(folder)


def assert_equals(model, folder, whole):
    expected, rows = whole
    for one, other in zip(state(model), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert rows_of(folder) == rows


def test_killed_after_the_last_step_of_an_epoch_that_one_is_taken_again(whole, tmp_path):
    with pytest.raises(Killed):
        train_on(tmp_path, KillAt(STEPS))
    model, entered = train_on(tmp_path, seed=99)
    assert (entered.epochs, entered.steps) == (0, STEPS - 1)
    assert_equals(model, tmp_path, whole)


def test_killed_while_an_epoch_is_measured_one_step_is_taken_again(whole, tmp_path):
    with pytest.raises(Killed):
        train_on(tmp_path, KillAt(validation=1), every=100)
    model, entered = train_on(tmp_path, every=100)
    assert (entered.epochs, entered.steps) == (1, STEPS - 1)
    assert_equals(model, tmp_path, whole)


@pytest.mark.long
def test_killed_again_and_again(whole, tmp_path):
    for step in (2, 2):
        with pytest.raises(Killed):
            train_on(tmp_path, KillAt(step))
    assert_equals(train_on(tmp_path)[0], tmp_path, whole)


@pytest.mark.parametrize("where", ["on_train_batch_begin", "on_test_batch_begin"])
def test_asked_to_end_it_leaves_after_the_step_or_at_once(whole, tmp_path, where):
    request, seen = StopRequest(), []

    class Ask(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            setattr(self, where, self.ask)

        def ask(self, batch, logs=None):
            if (seen := getattr(self, "seen", 0)) == 1:
                request.ask(15)
            self.seen = seen + 1

        def on_train_batch_end(self, batch, logs=None):
            seen.append(batch)

    with pytest.raises(Terminated):
        train_on(tmp_path, Ask(), every=100, request=request)
    model, entered = train_on(tmp_path, every=100)
    assert (entered.epochs, entered.steps) == ((0, 2) if "train" in where else (1, STEPS - 1))
    assert_equals(model, tmp_path, whole)


def test_by_default_a_state_is_written_every_five_minutes(tmp_path, monkeypatch):
    now, written = [0.0], []
    monkeypatch.setattr(checkpoint_module.time, "monotonic", lambda: now[0])

    class Slow(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            now[0] += 130.0
            written.append([path.name for path in state_files(tmp_path)])

    position = Position()
    checkpoint = TrainingCheckpoint(tmp_path, position)
    checkpoint.set_params({"steps": 100})
    for one in (position, checkpoint):
        one.set_model(build())
        one.set_params({"steps": 100})
        one.on_train_begin()
        one.on_epoch_begin(0)
    slow = Slow()
    for batch in range(8):
        position.on_train_batch_end(batch, {"loss": 0.5})
        checkpoint.on_train_batch_end(batch, {"loss": 0.5})
        slow.on_train_batch_end(batch)
    assert [len(names) for names in written] == [0, 0, 0, 1, 1, 1, 2, 2]
    assert written[-1] == ["epoch-0-step-4.npz", "epoch-0-step-7.npz"]


def test_states_are_kept_that_somebody_may_go_back_to(tmp_path):
    for reached in (Reached(0, 3), Reached(0, 6), Reached(0, 9), Reached(1), Reached(1, 3), Reached(2), Reached(3)):
        write_state(tmp_path, reached, {"model/0": np.ones(2)})
    write_state(tmp_path, Reached(3, 20), {"model/0": np.ones(2)})
    write_state(tmp_path, Reached(3, 100, 7.5, (np.zeros(3), np.ones(1))), {"model/0": np.ones(2)})
    names = ["epoch-2.npz", "epoch-3.npz", "epoch-3-step-20.npz", "epoch-3-step-100.npz"]
    assert [path.name for path in state_files(tmp_path)] == names
    reached, arrays = read_state(state_files(tmp_path)[-1])
    assert (reached, list(arrays)) == (Reached(3, 100, 7.5), ["model/0"])
    assert [values.tolist() for values in reached.metrics] == [[0, 0, 0], [1]]
    assert state_files(tmp_path / "none") == []


def test_a_checkpoint_of_nothing_of_another_model_and_a_damaged_one(tmp_path):
    assert restore(build(), tmp_path / "none") == BEGINNING
    fit(build(), [TrainingCheckpoint(tmp_path)], 1, validation=False)
    with pytest.raises(MetricfitError, match=r"does not fit this model.*--overwrite"):
        restore(build(use_ema=False), tmp_path)
    (path,) = state_files(tmp_path)
    whole, model = path.read_bytes(), build()
    before = state(model)
    middle = len(whole) // 2
    for damaged in (b"", whole[:50], whole[:middle], whole[:middle] + b"\xff\x00" + whole[middle + 2 :]):
        path.write_bytes(damaged)
        with pytest.raises(MetricfitError, match="damaged"):
            restore(model, tmp_path)
        for one, other in zip(state(model), before, strict=True):
            np.testing.assert_array_equal(one, other, "nothing of it is taken over")


def test_a_diverged_epoch_is_not_recorded(tmp_path):
    model, checkpoint = build(), TrainingCheckpoint(tmp_path)
    checkpoint.set_model(model)
    checkpoint.on_train_begin()
    checkpoint.on_epoch_end(0, {"loss": 0.5})
    checkpoint.on_epoch_end(1, {"loss": float("nan")})
    assert restore(build(), tmp_path) == Reached(1)
