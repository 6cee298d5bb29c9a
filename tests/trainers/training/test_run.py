"""The skeleton of a training: what it leaves behind, how it continues, what it refuses, how it starts from another."""

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from metricfit.metrics import FMeasure
from metricfit.trainers.data import sources
from metricfit.trainers.data.example import IGNORE
from metricfit.trainers.data.subset import split_for_selection
from metricfit.trainers.errors import DataError, MetricfitError, UsageError
from metricfit.trainers.judge.maps import scale_logits
from metricfit.trainers.tasks import get_task
from metricfit.trainers.tasks.saliency import Saliency
from metricfit.trainers.training.config_files import read_config, to_dict
from metricfit.trainers.training.fitting import is_done
from metricfit.trainers.training.run_folder import open_run
from metricfit.trainers.training.saved import load_model
from metricfit.trainers.training.states import Reached
from metricfit.trainers.training.words import parse_loss_options

from ...conftest import Interrupt

saliency = get_task("saliency")
pytestmark = pytest.mark.usefixtures("undrawn_figures")


def rows_of(folder):
    with open(folder / "history.csv") as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_everything_behind(trained):
    folder = trained.folder
    assert not trained.interrupted
    names = {
        "config.json",
        "history.csv",
        "metrics.json",
        "checkpoints",
        "model.keras",
        "tensorboard",
        "figures",
        "log.txt",
    }
    assert {path.name for path in folder.iterdir()} == names
    assert all(path.exists() for path in trained.made)

    settings = json.loads((folder / "config.json").read_text())
    assert settings["task"] == "saliency"
    assert settings["config"]["learning_rate"] == 1e-2
    assert settings["config"]["augmentation"]
    assert settings["versions"]["tensorflow"]

    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["data"] == "discs:train"
    assert metrics["curves"]["max_f"] == pytest.approx(trained.scalars["max_f"])
    assert len(metrics["curves"]["f"]) == 256

    rows = rows_of(folder)
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert {"loss", "val_max_f", "val_mean_f", "val_mae"} <= set(rows[0])
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])


def test_tensorboard_has_each_series_once(trained):
    tags = EventAccumulator(str(trained.folder / "tensorboard/validation")).Reload().Tags()["tensors"]
    assert {"epoch_loss", "epoch_max_f", "epoch_max_f_error"} <= set(tags)
    assert all(tag.startswith("epoch_") for tag in tags)


def test_the_best_epoch_is_what_is_kept(trained, config):
    record, rows = json.loads((trained.folder / "checkpoints/best.json").read_text()), rows_of(trained.folder)
    best, highest = record["value"], max(rows, key=lambda row: float(row["val_max_f"]))
    assert best == pytest.approx(float(rows[record["epoch"] - 1]["val_max_f"]))
    equal = float(highest["val_max_f"]) - float(highest["val_max_f_error"])
    among = [row for row in rows if float(row["val_max_f"]) >= equal]
    assert record["then"] == pytest.approx(max(float(row["val_mean_f"]) for row in among))
    model = load_model(trained.folder)
    _, selection = split_for_selection(sources.open_source("discs:train"))
    metric = FMeasure(beta2=config.beta2, from_logits=True, ignore_label=IGNORE)
    for images, masks in saliency.selection_batches(config, selection):
        metric.update_state(masks, model(images))
    assert float(metric.result()["max_f"]) == pytest.approx(best, abs=1e-5)


@pytest.mark.long  # test_kills.py ends one with more force, and compares bits
def test_an_interrupted_run_continues_to_the_same_weights(plain_trained, plain_config, tmp_path):
    class Stopping(Saliency):
        def watchers(self, *arguments):
            return [*super().watchers(*arguments), Interrupt(at=2)]

    halved = replace(plain_config, out=str(tmp_path / "run"))
    result = Stopping().train(halved)
    assert result.interrupted
    assert (tmp_path / "run" / "model.keras").is_file()
    assert len(rows_of(tmp_path / "run")) == 2

    result = saliency.train(halved)
    assert not result.interrupted
    rows, whole = rows_of(tmp_path / "run"), rows_of(plain_trained.folder)
    assert len(rows) == len(whole) == 3
    for one, other in zip(rows, whole):
        assert float(one["loss"]) == pytest.approx(float(other["loss"]), rel=1e-4)
        assert float(one["val_mae"]) == pytest.approx(float(other["val_mae"]), rel=1e-3)


def unfinished(trained, config):
    """Copy a run to where a configuration leads, as if it had asked for as many epochs as that; gives that again."""
    folder = Path(shutil.copytree(trained.folder, config.out))
    settings = json.loads((folder / "config.json").read_text())
    settings["config"]["epochs"] = config.epochs
    (folder / "config.json").write_text(json.dumps(settings))
    return config


def test_a_run_is_not_trained_on_with_other_data_and_may_be_interrupted_again(plain_trained, plain_config, tmp_path):
    class WithFewerPictures(Saliency):
        def steps_per_epoch(self, *arguments):
            return super().steps_per_epoch(*arguments) - 1

    longer = unfinished(plain_trained, replace(plain_config, out=str(tmp_path / "run"), epochs=4))
    with pytest.raises(UsageError, match=r"other data than there are now \(an epoch had 9 steps, and has 8 now\)"):
        WithFewerPictures().train(longer)

    class Stopping(Saliency):
        def watchers(self, *arguments):
            return [*super().watchers(*arguments), Interrupt(at=3)]

    result = Stopping().train(longer)
    assert result.interrupted
    assert (tmp_path / "run" / "model.keras").is_file()
    assert len(rows_of(tmp_path / "run")) == 3


def test_interrupted_in_its_first_epoch_a_run_still_ends_cleanly(plain_config, tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    class Stopping(Saliency):
        def watchers(self, *_):
            return [Interrupt()]

    result = Stopping().train(replace(plain_config, out=str(tmp_path / "run")))
    assert result.interrupted
    assert result.made == []
    assert not (tmp_path / "run" / "model.keras").exists(), "a net that saw some batches is no model"


def test_a_run_that_had_its_minutes_is_not_trained_on(plain_trained, plain_config, tmp_path):
    longer = replace(plain_config, out=str(tmp_path / "run"), minutes=1e-4, epochs=plain_config.epochs + 1)
    saliency.train(unfinished(plain_trained, longer))
    assert len(rows_of(tmp_path / "run")) == plain_config.epochs


@pytest.mark.parametrize("seconds", [(40, 10), (10, 40)])
def test_what_is_left_of_the_minutes_must_hold_the_shortest_epoch(config, tmp_path, seconds):
    rows = [f"{epoch},{each}" for epoch, each in enumerate(seconds, start=1)]
    (tmp_path / "history.csv").write_text("\n".join(["epoch,seconds", *rows, ""]))
    for minutes, done in ((1.0, False), (0.99, True), (None, False)):
        settings = replace(config, epochs=5, minutes=minutes)
        assert is_done(settings, tmp_path, Reached(2), saliency.shown) is done
        assert not is_done(settings, tmp_path, Reached(2, 1), saliency.shown), "what was begun is trained to its end"
    assert is_done(replace(config, epochs=2), tmp_path, Reached(2), saliency.shown)


def test_a_run_that_had_its_patience_is_not_trained_on(config, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "model.keras").touch()
    (tmp_path / "checkpoints/best.json").write_text(json.dumps({"monitor": "val_max_f", "value": 0.5, "epoch": 2}))
    for patience, done in ((3, True), (4, False), (None, False)):
        settings = replace(config, epochs=9, patience=patience)
        assert is_done(settings, tmp_path, Reached(5), saliency.shown) is done


def test_a_finished_run_is_not_trained_again(plain_trained, plain_config):
    before = (plain_trained.folder / "model.keras").read_bytes()
    again = saliency.train(replace(plain_config, out=str(plain_trained.folder)))
    assert (plain_trained.folder / "model.keras").read_bytes() == before
    assert again.scalars == plain_trained.scalars


def test_another_configuration_is_refused_with_the_difference(trained, config, tmp_path):
    with pytest.raises(UsageError, match=r"seed is 0, asked for 4.*--overwrite"):
        saliency.train(replace(config, seed=4))


def test_what_never_began_does_not_stand_in_the_way(config, tmp_path):
    out = str(tmp_path / "run")
    for source in ("folder:nowhere", "folder:elsewhere"):
        with pytest.raises(DataError, match="there is no folder"):
            saliency.train(replace(config, out=out, data=source))


def test_overwrite_spares_what_it_starts_from_and_what_is_no_run(trained, config, tmp_path):
    shutil.copytree(trained.folder, tmp_path / "run")
    for init in (tmp_path / "run", tmp_path / "run/model.keras"):
        with pytest.raises(UsageError, match="would delete"):
            saliency.train(replace(config, out=str(tmp_path / "run"), init=str(init), overwrite=True))
    assert (tmp_path / "run/model.keras").is_file()
    for text in ('{"name": "something else"}', "[]", "{"):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(UsageError, match="not a run folder"):
            saliency.train(replace(config, out=str(tmp_path), overwrite=True))
        assert (tmp_path / "run/model.keras").is_file()


def test_a_kept_configuration_does_not_overwrite_when_given_back(config, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(to_dict(replace(config, overwrite=True))))
    assert read_config(tmp_path / "config.json", type(config)) == replace(config, overwrite=False, quiet=False)


def test_overwrite_starts_anew_from_scaled_logits_of_other_weights_in_bfloat16(plain_trained, plain_config, tmp_path):
    shutil.copytree(plain_trained.folder, tmp_path / "run")
    result = saliency.train(
        replace(
            plain_config, out=str(tmp_path / "run"), overwrite=True, init=str(plain_trained.folder), size=64, epochs=1,
            init_threshold=0.6, init_logit_scale=3.0, learning_rate=1e-9, ema=0.5, mixed_precision="bfloat16",
            loss="cross_entropy",
        )
    )  # fmt: skip
    assert len(rows_of(result.folder)) == 1
    assert keras.config.dtype_policy().name == "float32"
    model = load_model(result.folder)
    assert {layer.compute_dtype for layer in model._flatten_layers()} == {"float32"}
    first = load_model(plain_trained.folder).trainable_weights
    assert len(first) == 5
    *others, (kernel, scaled_kernel), (bias, scaled_bias) = zip(first, model.trainable_weights, strict=True)
    for one, other in others:
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert kernel.path.startswith("head_logits")
    np.testing.assert_allclose(scaled_kernel, 3 * kernel.numpy(), rtol=1e-4)
    np.testing.assert_allclose(scaled_bias, 3 * (bias.numpy() - np.log(1.5)), rtol=1e-4)


def test_without_a_checkpoint_a_run_begins_with_its_first_weights_again(plain_trained, plain_config, tmp_path):
    class Interrupt(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            raise KeyboardInterrupt

    started = replace(plain_config, out=str(tmp_path / "run"), init=str(plain_trained.folder))
    (open_run("saliency", started) / "history.csv").write_text("epoch,seconds\n1,2.0\n")
    given = []

    class Stopping(Saliency):
        def initialise(self, model, trained, config=None):
            given.append(trained)

        def watchers(self, *_):
            return [Interrupt()]

    Stopping().train(started)
    assert len(given) == 1


@pytest.mark.parametrize("moment", ["on_epoch_end", "on_train_end"])
def test_a_run_folder_that_goes_away_is_not_made_anew(plain_config, tmp_path, moment):
    folder = tmp_path / "run"

    class Going(Saliency):
        def watchers(self, *_):
            going = keras.callbacks.Callback()
            setattr(going, moment, lambda *_, **__: shutil.rmtree(folder))
            return [going]

    with pytest.raises(MetricfitError, match=r"run/config.json was there and is gone: .* another --out"):
        Going().train(replace(plain_config, out=str(folder), epochs=1))
    assert not folder.exists()


def test_a_folder_that_is_no_run_is_left_alone(config, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="not a run folder"):
        saliency.train(replace(config, out=str(tmp_path), overwrite=True))
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_init_from_another_network_is_one_sentence(config, tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model.save(tmp_path / "other.keras")
    with pytest.raises(UsageError, match="holds another network"):
        saliency.train(replace(config, out=str(tmp_path / "run"), init=str(tmp_path / "other.keras")))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"loss": "hope"}, "--loss hope"),
        ({"loss_options": ("beta=3",)}, "beta"),
        ({"loss_options": ("beta2",)}, "NAME=VALUE"),
        ({"focus": "0.2"}, "--focus takes worst=SHARE, such as worst=0.2, got 0.2"),
        ({"select_by": "mae"}, "--select-by of saliency is one of max_f, mean_f, got mae"),
        ({"epochs": 0}, "--epochs must be at least 1"),
        ({"learning_rate": 0.0}, "--learning-rate must be above 0"),
        ({"seed": -1}, "--seed must be at least 0"),
        ({"minutes": 0.0}, "--minutes must be above 0"),
        ({"beta2": 0.0}, "--beta2 must be above 0"),
        ({"ema": 1.0}, "--ema must be below 1, got"),
        ({"init": "somewhere", "weights": "imagenet"}, "give one of them"),
        ({"init": "nowhere"}, "no trained model at nowhere"),
        ({"init_logit_scale": 8.0}, "give --init as well"),
        ({"init_threshold": 0.7}, "give --init as well"),
        ({"init": "somewhere", "init_logit_scale": 0.0}, "--init-logit-scale must be above 0"),
        ({"init": "somewhere", "init_threshold": 1.0}, "--init-threshold must be below 1"),
        ({"init": "somewhere", "model": "basnet", "init_logit_scale": 8.0}, "not for --model basnet"),
        ({"size": 50}, "multiple of 32"),
    ],
)
def test_settings_that_make_no_sense(config, tmp_path, change, sentence):
    with pytest.raises(UsageError, match=sentence):
        saliency.train(replace(config, out=str(tmp_path / "run"), **change))


@pytest.mark.parametrize("change", [{"data": "folder:nowhere"}, {"size": 60}, {"init": "nope"}, {"loss": "nope"}])
def test_overwrite_deletes_nothing_before_all_is_sound(trained, config, tmp_path, change):
    shutil.copytree(trained.folder, tmp_path / "run")
    with pytest.raises(MetricfitError):
        saliency.train(replace(config, out=str(tmp_path / "run"), overwrite=True, **change))
    assert (tmp_path / "run" / "model.keras").is_file()
    assert (tmp_path / "run" / "history.csv").is_file()


def test_a_refused_setting_leaves_no_folder(config, tmp_path):
    with pytest.raises(UsageError):
        saliency.train(replace(config, out=str(tmp_path / "run"), loss="hope"))
    assert not (tmp_path / "run").exists()


def test_a_loss_that_is_no_number_is_an_error(plain_config, tmp_path):
    extreme = replace(plain_config, out=str(tmp_path / "run"), learning_rate=1e30, clip_norm=None, loss="cross_entropy")
    with pytest.raises(MetricfitError, match="lower --learning-rate"):
        saliency.train(extreme)


def test_loss_options_are_literals_or_text():
    parsed = parse_loss_options(["beta2=0.8", "empty_target=suppress", "flag=True"])
    assert parsed == {"beta2": 0.8, "empty_target": "suppress", "flag": True}


def test_scaled_logits_polarise_and_keep_the_order():
    saliency_map = np.linspace(0, 1, 101, dtype=np.float32)
    scaled = scale_logits(saliency_map, 4.0)
    assert (np.diff(scaled) >= 0).all()
    assert scaled[50] == pytest.approx(0.5)
    assert scaled[60] == pytest.approx(1 / (1 + (0.4 / 0.6) ** 4), rel=1e-4)
    np.testing.assert_array_equal(scale_logits(saliency_map, 1.0), saliency_map)
