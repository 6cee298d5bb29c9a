"""Callbacks in real, tiny trainings: files and event files are read back."""

import io
import json
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing import plugin_event_accumulator
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tqdm import std

from metricfit.trainers.errors import DivergedError, MetricfitError
from metricfit.trainers.metrics import FMeasureCurve
from metricfit.trainers.training.callbacks import AveragedWeights, BestModel, Patience, TimeLimit, averaged_weights
from metricfit.trainers.training.callbacks import time_limit as minutes_module
from metricfit.trainers.training.reporting import (
    EpochReport,
    HistoryCSV,
    HParams,
    MetricReport,
    Progress,
    RankingWatch,
    Series,
    read_history,
    write_final_metrics,
)
from metricfit.trainers.training.reporting import progress as progress_module
from metricfit.trainers.training.reporting.hparams import flatten
from tests.trainers.training.toy import build, examples, fit, weights


def images_of(folder, tag):
    """Give (step, picture) of the image summaries of a folder; TensorFlow 2 writes them as tensors."""
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    assert events.Tags()["tensors"] == [tag]
    assert events.summary_metadata[tag].plugin_data.plugin_name == "images"
    pictures = [(event.step, tf.make_ndarray(event.tensor_proto)) for event in events.Tensors(tag)]
    return [(step, Image.open(io.BytesIO(encoded[2]))) for step, encoded in pictures]


def test_validation_sees_the_average_and_leaves_training_alone(tmp_path):
    plain, averaged = build(metrics=True), build(metrics=True)
    without = fit(plain, [], 3, validation=False)
    seen = {}

    class Look(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            seen["test"] = weights(self.model)

        def on_epoch_end(self, epoch, logs=None):
            seen["train"] = weights(self.model)
            seen["average"] = [np.array(v) for v in self.model.optimizer._model_variables_moving_average]

    best = BestModel(tmp_path / "model.keras", "val_loss", "min")
    history = fit(averaged, [AveragedWeights(), Look(), best], 3)
    assert history["loss"] == without["loss"]
    for first, second in zip(weights(plain), weights(averaged)):
        np.testing.assert_array_equal(first, second)
    kernels = [index for index, value in enumerate(seen["test"]) if value.ndim == 4]
    assert len(kernels) == 2
    for index in kernels:
        assert any(np.array_equal(seen["test"][index], average) for average in seen["average"])
        assert not np.array_equal(seen["test"][index], seen["train"][index])

    # The saved file scores what the log says: it holds the averages.
    loaded = keras.saving.load_model(best.path)
    images, masks = examples(10_000)
    curve = FMeasureCurve()
    for logits, mask in zip(loaded.predict(images, verbose=0), masks):
        curve.update(1 / (1 + np.exp(-logits)), mask)
    assert curve.result().mae == pytest.approx(history["val_mae"][best.epoch - 1], abs=1e-6)
    assert not loaded.compiled


def test_averaged_weights_without_average_or_step():
    for model in (build(use_ema=False), build(use_ema=True)):
        before = weights(model)
        with averaged_weights(model):
            for first, second in zip(before, weights(model)):
                np.testing.assert_array_equal(first, second)
    uncompiled = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    with averaged_weights(uncompiled):
        assert len(uncompiled.get_weights()) == 2


def test_interrupted_validation_can_be_undone():
    model = build()
    fit(model, [], 1, validation=False)
    model.layers[2].kernel.assign_add(np.ones(model.layers[2].kernel.shape))
    before = weights(model)
    callback = AveragedWeights()
    callback.set_model(model)
    callback.on_test_begin()
    assert not all(np.array_equal(a, b) for a, b in zip(before, weights(model)))
    callback.on_test_end()
    callback.on_test_end()
    assert all(np.array_equal(a, b) for a, b in zip(before, weights(model)))


def test_best_model_keeps_the_best_over_a_resume(tmp_path):
    model = build(use_ema=False)
    path = tmp_path / "run" / "model.keras"

    def run(values, first=0):
        best = BestModel(path, "val_max_f")
        best.set_model(model)
        written = []
        for epoch, value in enumerate(values, start=first):
            before = path.stat().st_mtime_ns if path.exists() else 0
            best.on_epoch_end(epoch, {"val_max_f": value})
            written.append((path.stat().st_mtime_ns if path.exists() else 0) != before)
        return best, written

    best, written = run([float("nan"), 0.5, 0.4, 0.6])
    assert written == [False, True, False, True]
    assert (best.value, best.epoch) == (0.6, 4)
    best, written = run([0.55, 0.6, 0.7], first=4)
    assert written == [False, False, True]
    kept = {"monitor": "val_max_f", "value": 0.7, "epoch": 7, "highest": 0.7, "error": 0.0}
    assert json.loads(best.record.read_text()) == kept
    best.record.write_text(json.dumps({"monitor": "val_max_f", "value": 0.7, "epoch": 7}))
    assert run([0.69], first=7)[1] == [False], "a record of an earlier version"
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["model.best.json", "model.keras"]
    path.unlink()
    assert BestModel(path, "val_max_f").value is None
    assert BestModel(path, "val_loss", "min").value is None
    with pytest.raises(MetricfitError, match="choose one of loss, mae"):
        best.on_epoch_end(0, {"loss": 1.0, "mae": 0.1})
    with pytest.raises(ValueError, match="mode"):
        BestModel(path, mode="auto")
    with pytest.raises(ValueError, match=r"\.keras"):
        BestModel(tmp_path / "model.h5")


def test_weights_whose_loss_is_no_number_are_not_the_best(tmp_path):
    best = BestModel(tmp_path / "model.keras")
    best.set_model(build(use_ema=False))
    best.on_epoch_end(0, {"val_max_f": 0.5, "loss": float("nan")})
    assert best.value is None
    assert not best.path.exists()


def test_failed_write_leaves_the_model_before(tmp_path, monkeypatch):
    model = build(use_ema=False)
    best = BestModel(tmp_path / "model.keras")
    best.set_model(model)
    best.on_epoch_end(0, {"val_max_f": 0.5})
    before = best.path.read_bytes()

    def fail(self, path):
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(type(model), "save", fail)
    with pytest.raises(MetricfitError, match=r"cannot write .*disk full"):
        best.on_epoch_end(1, {"val_max_f": 0.6})
    assert {path.name for path in tmp_path.iterdir()} == {"model.keras", "model.best.json"}
    assert best.path.read_bytes() == before
    assert json.loads(best.record.read_text())["value"] == 0.5


def test_history_has_one_row_an_epoch_and_drops_what_is_done_again(tmp_path):
    path = tmp_path / "history.csv"
    model = build(metrics=True)
    history = fit(model, [HistoryCSV(path)], 3)
    rows = read_history(path)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert [row["val_max_f"] for row in rows] == pytest.approx(history["val_max_f"])
    assert list(rows[0])[:3] == ["epoch", "seconds", "learning_rate"]
    assert rows[2]["learning_rate"] == pytest.approx(float(model.optimizer.learning_rate))
    first = rows[0]
    fit(model, [HistoryCSV(path)], 2, initial_epoch=1, validation=False)
    rows = read_history(path)
    assert [row["epoch"] for row in rows] == [1, 2]
    assert rows[0] == first
    assert "val_max_f" not in rows[1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["history.csv"]


EQUALS = [  # MaxF, its standard error, MeanF, which epoch is kept then
    (0.80, 0.05, 0.60, 1),
    (0.84, 0.05, 0.50, 1),
    (0.79, 0.30, 0.65, 3),
    (0.78, 0.00, 0.90, 3),
    (0.84, 0.00, 0.66, 5),
    (0.90, 0.05, 0.40, 6),
    (0.84, 0.90, 0.99, 6),
    (0.85, 0.00, 0.41, 8),
    (0.95, 0.20, 0.40, 8),
    (0.76, 0.00, 0.42, 10),
]


@pytest.mark.parametrize("resumed_after", [0, 4, 8])
def test_of_epochs_within_one_standard_error_the_one_with_the_better_second_figure_is_kept(tmp_path, resumed_after):
    model, kept = build(use_ema=False), []
    for rows, start in ((EQUALS[:resumed_after], 0), (EQUALS[resumed_after:], resumed_after)):
        best = BestModel(tmp_path / "model.keras", "val_max_f", then="val_mean_f")
        best.set_model(model)
        for epoch, (value, error, second, _) in enumerate(rows, start=start):
            best.on_epoch_end(epoch, {"val_max_f": value, "val_max_f_error": error, "val_mean_f": second})
            kept.append(best.epoch)
    assert kept == [epoch for *_, epoch in EQUALS]


def test_patience_ends_fit_after_so_many_epochs_without_a_better_one(tmp_path):
    model = build(use_ema=False)

    def epochs(values, patience, first=0):
        best = BestModel(tmp_path / "model.keras", "val_max_f")
        waiting = Patience(best, patience)
        for callback in (best, waiting):
            callback.set_model(model)
        model.stop_training = False
        for epoch, value in enumerate(values, start=first):
            for callback in (best, waiting):
                callback.on_epoch_end(epoch, {"val_max_f": value})
            if model.stop_training:
                assert waiting.reached
                return epoch + 1
        assert not waiting.reached
        return first + len(values)

    assert epochs([0.5, 0.6, 0.5, 0.5, 0.5, 0.5], 2) == 4
    assert epochs([0.5, 0.5, 0.5], 2, first=4) == 5, "a run that goes on remembers"
    (tmp_path / "model.keras").unlink()
    assert epochs([0.5, 0.4, 0.6, 0.5], 2) == 4
    (tmp_path / "model.keras").unlink()
    assert epochs([0.5, 0.4, 0.3], None) == 3


def test_a_model_whose_weights_are_no_numbers_is_not_kept(tmp_path):
    model, best = build(use_ema=False), BestModel(tmp_path / "model.keras")
    best.set_model(model)
    best.on_epoch_end(0, {"val_max_f": 0.5, "loss": 0.1})
    before = best.path.read_bytes()
    model.weights[0].assign(np.full(model.weights[0].shape, np.nan))
    with pytest.raises(DivergedError, match="lower --learning-rate"):
        best.on_epoch_end(1, {"val_max_f": 0.9, "loss": 0.1})
    assert best.path.read_bytes() == before
    best = BestModel(tmp_path / "model.keras")
    assert (best.value, best.epoch) == (0.5, 1)


def test_tensorboard_pictures_of_curves_and_panels(tmp_path):
    images, masks = examples(10_000)
    masks[0, 0] = 255
    model = build(metrics=True)
    panels = MetricReport(images, masks, ["a", "b", "c", "d"], batch_size=3)
    curves = EpochReport(MetricReport(), tmp_path, {"thresholds": "curves/f_measure_over_threshold"}, add_logs=False)
    fit(model, [curves, EpochReport(panels, tmp_path, {"panels": "panels/predictions"}, every=2, add_logs=False)], 2)
    curves = images_of(tmp_path / "curves", "f_measure_over_threshold")
    assert [step for step, _ in curves] == [0, 1]
    assert curves[0][1].size == (720, 470)
    assert not np.array_equal(np.asarray(curves[0][1]), np.asarray(curves[1][1]))
    drawn = images_of(tmp_path / "panels", "predictions")
    assert [step for step, _ in drawn] == [1]
    assert np.asarray(drawn[0][1]).std() > 20
    expected = 1 / (1 + np.exp(-model.predict(images, verbose=0)))
    np.testing.assert_allclose(panels.predict(model), expected, atol=1e-6)


def test_curves_show_the_validation(tmp_path):
    model = build(metrics=True)
    found = []

    class Look(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            found.append((curves.report.results["curves"], dict(logs)))

    curves = EpochReport(MetricReport(), tmp_path, {"thresholds": "curves/f_measure_over_threshold"}, add_logs=False)
    fit(model, [curves, Look()], 1)
    result, logs = found[0]
    assert result.images == 4
    assert result.max_f == pytest.approx(logs["val_max_f"], abs=1e-6)
    assert "val_images" not in logs, "what Keras logs is left as it is"
    with pytest.raises(MetricfitError, match="FMeasure"):
        fit(build(metrics=False), [EpochReport(MetricReport(), tmp_path, {})], 1)


def test_a_report_without_pictures_adds_to_the_logs_and_writes_nothing(tmp_path):
    report = EpochReport(MetricReport(), tmp_path, {"thresholds": "curves/f_measure_over_threshold"}, draws=False)
    fit(build(metrics=True), [report], 1)
    assert report.report is not None
    assert not list(tmp_path.iterdir())


def test_an_epoch_that_is_trained_again_is_once_in_tensorboard(tmp_path):
    for first, epochs in ((0, 2), (1, 2)):  # from the second one on, which was written but not kept
        curves = EpochReport(
            MetricReport(), tmp_path, {"thresholds": "curves/f_measure_over_threshold"}, add_logs=False
        )
        ranking = RankingWatch([], tmp_path)
        ranking.examine = lambda: {"gradient_balance": 1.0}
        model = build(metrics=True)
        model.examine = None
        fit(model, [curves, ranking, Series(tmp_path, write_graph=False)], epochs, first)
    for part, kind in (
        ("train", "epoch_loss"),
        ("validation", "epoch_loss"),
        ("ranking", "gradient_balance"),
        ("curves", "f_measure_over_threshold"),
    ):
        for purges in (True, False):  # as TensorBoard itself reads, unless it is told otherwise
            events = plugin_event_accumulator.EventAccumulator(str(tmp_path / part), purge_orphaned_data=purges)
            steps = [event.step for event in events.Reload().Tensors(kind)]
            assert steps == ([0, 1] if purges else [0, 1, 1]), part


def test_hparams_hold_config_and_metrics(tmp_path):
    config = {"loss": "floss", "loss_options": {"beta2": 0.3}, "size": 192, "mixed": False, "val": None}
    config["scale"] = (1, 2)
    model = build(metrics=True)
    fit(model, [HParams(config, tmp_path, trial_id="run")], 1)
    write_final_metrics(tmp_path, {"max_f": 0.75, "band": [0.1, 0.9]})
    events = EventAccumulator(str(tmp_path)).Reload()
    from tensorboard.plugins.hparams import plugin_data_pb2

    content = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    values = {name: getattr(value, value.WhichOneof("kind")) for name, value in start.hparams.items()}
    assert values == {
        "loss": "floss",
        "loss_options.beta2": 0.3,
        "size": 192,
        "mixed": False,
        "val": "none",
        "scale": "1, 2",
    }
    assert start.group_name == "run"
    tags = events.Tags()["tensors"]
    assert "final/max_f" in tags
    assert not [tag for tag in tags if tag.startswith("last/")], "the series of the epochs end with it"
    assert "final/band" not in tags
    assert tf.make_ndarray(events.Tensors("final/max_f")[0].tensor_proto) == pytest.approx(0.75)
    assert flatten({"a": {"b": {"c": 1}}}) == {"a.b.c": 1}


def test_hparams_table_shows_what_is_compared(tmp_path):
    from tensorboard.plugins.hparams import plugin_data_pb2

    config = {"augmentation": {"flip": True}, "batch_size": 8, "learning_rate": 0.1, "loss": "floss"}
    usual = {**config, "augmentation": {"flip": False}, "loss": "ap"}
    callback = HParams(config, tmp_path, trial_id="run", metrics=("max_f", "mae"), usual=usual)
    callback.on_train_begin()
    content = EventAccumulator(str(tmp_path)).Reload().summary_metadata["_hparams_/experiment"].plugin_data.content
    experiment = plugin_data_pb2.HParamsPluginData.FromString(content).experiment
    assert [info.name for info in experiment.hparam_infos] == ["learning_rate", "loss", "augmentation.flip"]
    assert [info.name.tag for info in experiment.metric_infos] == ["final/max_f", "final/mae"]
    assert [info.display_name for info in experiment.metric_infos] == ["MaxF", "MAE"]


def test_time_limit_stops_when_the_next_epoch_would_not_fit(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(minutes_module.time, "monotonic", lambda: now[0])

    def epochs(limit, durations):
        limit.set_model(build(use_ema=False))
        limit.model.stop_training = False
        limit.on_train_begin()
        for epoch, seconds in enumerate(durations):
            now[0] += seconds
            limit.on_epoch_end(epoch)
            if limit.model.stop_training:
                return epoch + 1
        return len(durations)

    assert epochs(TimeLimit(1), [20] * 10) == 3
    assert epochs(TimeLimit(1), [29, 20, 20, 20]) == 2
    assert epochs(TimeLimit(1), [30, 10, 10, 10, 10]) == 4, "the first epoch of a process is longer than the next one"
    assert epochs(TimeLimit(1), [10, 30, 10, 10, 10]) == 4, "nor is the latest one the measure"
    assert epochs(TimeLimit(1), [500]) == 1
    assert epochs(TimeLimit(1, [30]), [20] * 10) == 1
    assert epochs(TimeLimit(1, under_way=30), [20] * 10) == 1, "the epoch that goes on took 50"
    assert epochs(TimeLimit(1, [5]), [40, 10, 20]) == 3, "the shortest epoch is one of those before"
    assert epochs(TimeLimit(1, lost=30), [20] * 10) == 1, "what was taken back was spent all the same"
    assert epochs(TimeLimit(None), [500] * 3) == 3
    with pytest.raises(ValueError, match="positive"):
        TimeLimit(0)


def test_progress_tells_what_is_waited_for_how_long_it_takes_and_how_each_epoch_went(monkeypatch, caplog):
    now, watch = [0.0], Progress(("loss", "val_max_f"))
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(logging.getLogger("metricfit"), "propagate", True)
    caplog.set_level(logging.INFO, "metricfit")
    watch.set_params({"epochs": 9, "steps": 50})
    for epoch in (6, 7):
        watch.on_epoch_begin(epoch)
        for batch in range(50):
            now[0] += 20.0 if epoch == 6 and batch == 0 else 2.0
            watch.on_train_batch_end(batch, {"loss": 0.5})
        watch.on_epoch_end(epoch, {"loss": 0.5, "val_max_f": 0.75, "val_mae": 0.1})
    watch.on_train_end()
    assert [record.message for record in caplog.records] == [
        "the first step is compiled now, which takes up to a minute",
        "about 5 minutes for 150 steps of 2 s, and some more to measure after each epoch",
        "epoch 7 of 9, 118 s: loss 0.500, val max_f 0.750",
        "epoch 8 of 9, 100 s: loss 0.500, val max_f 0.750",
    ]


def test_what_is_left_of_the_first_epoch_is_told_without_the_step_that_was_compiled(monkeypatch, caplog):
    now, watch = [0.0], Progress(("loss",))
    monkeypatch.setattr(std, "time", lambda: now[0])
    monkeypatch.setattr(logging.getLogger("metricfit"), "propagate", True)
    caplog.set_level(logging.INFO, "metricfit")
    watch.set_params({"epochs": 2, "steps": 20})
    watch.on_epoch_begin(0)
    for batch in range(10):
        now[0] += 300.0 if batch == 0 else 10.0
        watch.on_train_batch_end(batch, {})
    watch.on_train_end()
    told = [record.message for record in caplog.records if ": step" in record.message]
    assert [(line[:26], line[-10:]) for line in told] == [
        ("epoch 1 of 2: step 4 of 20", "02:40 left"),
        ("epoch 1 of 2: step 7 of 20", "02:10 left"),
        ("epoch 1 of 2: step 10 of 2", "01:40 left"),
    ]


def test_time_limit_ends_fit():
    limit = TimeLimit(1e-9)
    history = fit(build(use_ema=False), [limit], 5, validation=False)
    assert len(history["loss"]) == 1
    assert limit.reached
