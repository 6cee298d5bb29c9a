"""Damaged files of a run folder: what is whole is kept, and a sentence says so."""

import json
import logging
import zipfile
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.errors import DataError, MetricfitError
from metricfit.trainers.models.keras_file import fault_of
from metricfit.trainers.training.callbacks import BestModel
from metricfit.trainers.training.callbacks import best as best_module
from metricfit.trainers.training.faults.mending import mend
from metricfit.trainers.training.faults.telling import telling_of_files, telling_of_workers
from metricfit.trainers.training.reporting import read_history
from metricfit.trainers.training.saved import best_model, load_model

ROWS = [  # epoch, loss, val_max_f, its error, val_mean_f
    (1, 0.7, 0.80, 0.05, 0.60),
    (2, 0.6, 0.84, 0.05, 0.50),
    (3, 0.5, 0.79, 0.30, 0.65),
    (4, 0.4, 0.90, 0.02, 0.40),
    (5, 0.3, 0.89, 0.01, 0.45),
]


def best_of(folder):
    return BestModel(folder / "model.keras", "val_max_f", record=folder / "best.json", then="val_mean_f")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run of five epochs, whose model is a zip of something."""

    def save(model, path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model.weights.h5", b"weights " * 200)

    monkeypatch.setattr(best_module, "save_model", save)
    best = best_of(tmp_path)
    best.set_model(SimpleNamespace(optimizer=None))
    for epoch, loss, value, error, second in ROWS:
        logs = {"loss": loss, "val_max_f": value, "val_max_f_error": error, "val_mean_f": second}
        best.on_epoch_end(epoch - 1, logs)
    lines = ["epoch,seconds,loss,val_max_f,val_max_f_error,val_mean_f"]
    lines += [",".join(map(str, (epoch, 2.5, *rest))) for epoch, *rest in ROWS]
    (tmp_path / "history.csv").write_text("\r\n".join([*lines, ""]), newline="")
    return tmp_path


def mended(folder, caplog):
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="metricfit"):
        mend(folder, best_of(folder))
    return [record.getMessage() for record in caplog.records]


def test_what_is_whole_stays(folder, caplog):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert mended(folder, caplog) == []
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("damage", ["", "{", "null", "\0\xff\0", '{"monitor": "val_max_f", "value": "much"}'])
def test_the_record_of_the_best_is_made_anew_of_the_history(folder, caplog, damage):
    before = json.loads((folder / "best.json").read_text())
    assert before["epoch"] == 5, "an equal of the highest, with the better second figure"
    (folder / "best.json").write_bytes(damage.encode("latin-1"))
    (said,) = mended(folder, caplog)
    assert "best.json" in said
    assert "epoch 5" in said
    assert json.loads((folder / "best.json").read_text()) == before
    assert best_of(folder).epoch == 5


def test_without_a_history_nothing_tells_how_good_the_kept_model_is(folder, caplog):
    (folder / "best.json").write_text("")
    (folder / "history.csv").write_text("")
    history, record = mended(folder, caplog)
    assert "no row of it was whole" in history
    assert "the history has none to tell of" in record
    assert not (folder / "history.csv").exists()
    assert best_of(folder).value is None


@pytest.mark.parametrize(("cut", "rows"), [(1, 5), (2, 4), (5, 4), (24, 4), (60, 2)])
def test_of_a_cut_history_the_whole_rows_are_kept(folder, caplog, cut, rows):
    path = folder / "history.csv"
    whole = read_history(path)
    path.write_bytes(path.read_bytes()[:-cut])
    said = mended(folder, caplog)
    assert read_history(path) == whole[:rows]
    assert len(said) == (rows < 5)
    assert mended(folder, caplog) == []


@pytest.mark.parametrize("damage", [b"", b"\0" * 90, b"\xff\xfe\0\x80" * 40, b'epoch,seconds\r\n"1,2\r\nx,y\r\n'])
def test_of_a_history_of_nonsense_nothing_is_read(folder, caplog, damage):
    (folder / "history.csv").write_bytes(damage)
    assert read_history(folder / "history.csv") == []
    assert len(mended(folder, caplog)) == 1


def test_rows_around_a_damaged_one_are_kept(folder, caplog):
    path = folder / "history.csv"
    data = path.read_bytes().replace(b"0.84", b"\x93\0.4")
    path.write_bytes(data)
    assert len(mended(folder, caplog)) == 1
    assert [row["epoch"] for row in read_history(path)] == [1, 3, 4, 5]


def test_what_a_trained_run_misses_is_told(folder, caplog):
    assert mended(folder, caplog) == []
    (folder / "checkpoints").mkdir()
    for name in ("epoch-4.npz", "epoch-5-step-2.npz"):
        (folder / "checkpoints" / name).touch()
    assert mended(folder, caplog) == []
    (folder / "history.csv").write_text("epoch,seconds,val_max_f\r\n1,2.5,0.8\r\n", newline="")
    (told,) = mended(folder, caplog)
    assert told.endswith("history.csv tells of 1 of the 5 epochs that are trained: the other rows are missing")
    (folder / "history.csv").unlink()
    (folder / "model.keras").unlink()
    history, model = mended(folder, caplog)
    assert "history.csv tells of 0 of the 5 epochs" in history
    assert "model.keras is missing: the best of the epochs from here on takes its place" in model


def damaged(data):
    """Each way in which a file gets damaged."""
    noise = np.random.default_rng(0).integers(0, 256, len(data), dtype=np.uint8).tobytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes([data[middle] ^ 255]) + data[middle + 1 :]
    return {
        "nothing": b"",
        "half": data[:middle],
        "all but a byte": data[:-1],
        "noise": noise,
        "a flipped byte": flipped,
    }


def test_a_damaged_model_is_set_aside(folder, caplog):
    path = folder / "model.keras"
    whole = path.read_bytes()
    assert fault_of(path) == ""
    for data in damaged(whole).values():
        path.write_bytes(data)
        assert fault_of(path)
        (said,) = mended(folder, caplog)
        assert "model.keras.damaged" in said
        assert not path.exists()
        assert (folder / "model.keras.damaged").read_bytes() == data
        assert best_of(folder).value is None


def test_a_damaged_model_is_refused_in_a_sentence_and_the_last_weights_take_its_place(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(3)(inputs))
    path = tmp_path / "model.keras"
    model.save(path)
    for data in damaged(path.read_bytes()).values():
        path.write_bytes(data)
        with pytest.raises(
            DataError, match=r"model.keras is damaged .*put a copy in its place, or train or save"
        ) as told:
            load_model(tmp_path)
        assert "\n" not in str(told.value)
    path.unlink()
    best_model(tmp_path, model)
    for one, other in zip(model.get_weights(), load_model(tmp_path).get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_tensorflow_cannot_write_is_told_in_a_sentence(tmp_path):
    (tmp_path / "run").write_text("no folder")
    with pytest.raises(MetricfitError) as told, telling_of_files(tmp_path / "run"):
        tf.summary.create_file_writer(str(tmp_path / "run/tensorboard"))
    expected = (
        f"cannot write {tmp_path / 'run'} ({tmp_path / 'run'} is not a directory): check the folder and the space"
    )
    assert str(told.value) == f"{expected} left"
    with pytest.raises(tf.errors.InvalidArgumentError), telling_of_files(tmp_path / "run"):
        tf.debugging.assert_equal(1, 2)


@pytest.mark.parametrize(
    ("error", "message", "said"),
    [
        (tf.errors.DeadlineExceededError, "Graph execution error:\n\nf\nCollective ops is aborted by: no\nSo.", "no"),
        (tf.errors.UnavailableError, "failed to connect\n", "failed to connect"),
        (tf.errors.FailedPreconditionError, "current incarnation doesn't match", "current incarnation doesn't match"),
    ],
)
def test_it_is_said_why_another_worker_is_gone(error, message, said):
    with pytest.raises(MetricfitError) as told, telling_of_workers():
        raise error(None, None, message)
    assert str(told.value).startswith(f"another worker of this training is gone ({said}): start all of them again")
    with pytest.raises(tf.errors.FailedPreconditionError), telling_of_workers():
        raise tf.errors.FailedPreconditionError(None, None, "the table is not initialised")
