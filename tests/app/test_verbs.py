"""The verbs as typed, from one small run to its exported files: what they print, write and give back."""

import json
import shlex
import shutil
from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest

from metricfit.app import cli, quickstart
from metricfit.app.predictor import load_predictor
from metricfit.app.reports import grid, table
from metricfit.export import read_card
from metricfit.trainers.data.fit import fit_image
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import UsageError
from metricfit.trainers.metrics import FMeasureCurve
from metricfit.trainers.metrics.catalogue import metrics_of
from metricfit.trainers.tasks import get_task
from metricfit.trainers.tasks.first_model import first_model
from metricfit.trainers.tasks.training import starting_model
from metricfit.trainers.training.config import SaliencyConfig
from metricfit.trainers.training.saved import load_model

from ..export.conftest import converting_here, networks_alone


@pytest.fixture(scope="module", autouse=True)
def _registered(config):
    """Every verb here works on the discs."""


@pytest.fixture(scope="module")
def exported(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported") / "discs"
    arguments = [
        "export",
        str(trained.folder),
        "--to",
        str(folder),
        "--data-terms",
        "made up",
        "--quiet",
        "--val",
        "discs:val",
    ]
    with networks_alone(), converting_here():
        assert cli.main([*arguments, "--quantize", "none", "int8"]) == 0
    return folder


def test_evaluate_writes_what_a_plain_loop_finds(trained, tmp_path, capsys):
    assert cli.main(["evaluate", str(trained.folder), "--data", "discs:test", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    model, source, curve = load_model(trained.folder), open_source("discs:test"), FMeasureCurve()
    for index in range(len(source)):
        example = source.load(index)
        picture = cv2.resize(example.image, (32, 32), interpolation=cv2.INTER_AREA)
        saliency_map = 1 / (1 + np.exp(-np.asarray(model(picture[None]))[0]))
        curve.update(cv2.resize(saliency_map, (48, 40), interpolation=cv2.INTER_LINEAR), example.mask)
    expected = curve.result()
    found = json.loads((tmp_path / "metrics.json").read_text())
    assert printed.startswith("\nwith model.keras:\n")
    assert found["file"] == "model.keras"
    assert found["curves"]["max_f"] == pytest.approx(expected.max_f, abs=1e-4)
    assert found["curves"]["mae"] == pytest.approx(expected.mae, abs=1e-5)
    assert found["examples"] == 60
    assert found["versions"]["keras"]
    assert f"{expected.max_f:.3f}" in printed
    calibration = found["calibration"]
    assert sum(calibration["bins"]["counts"]) == 60 * 40 * 48
    assert f"{calibration['pixel_ece']:.3f}" in printed
    assert f"{calibration['temperature']:.2f}" in printed
    for name in ("thresholds.png", "reliability.png", "panels.png"):
        assert cv2.imread(str(tmp_path / name)).shape[0] > 200
        assert str(tmp_path / name) in printed


def test_logit_scale_is_picked_on_the_held_out_part_of_the_training_data(trained, tmp_path, capsys):
    arguments = [
        "evaluate",
        str(trained.folder),
        "--data",
        "discs:test",
        "--out",
        str(tmp_path),
        "--logit-scale",
        "best",
    ]
    assert cli.main(arguments) == 0
    assert "best for MeanF on discs:train" in capsys.readouterr().out
    scaled = json.loads((tmp_path / "metrics.json").read_text())
    assert cli.main([*arguments[:-1], "1"]) == 0
    plain = json.loads((tmp_path / "metrics.json").read_text())
    assert scaled["logit_scale"] > 1
    assert scaled["curves"]["mean_f"] > plain["curves"]["mean_f"]
    assert scaled["curves"]["max_f"] == pytest.approx(plain["curves"]["max_f"], abs=0.02)


@pytest.mark.parametrize("scale", ["0", "-2", "much", "inf", "nan"])
def test_a_logit_scale_that_is_none(trained, scale, capsys):
    assert cli.main(["evaluate", str(trained.folder), "--data", "discs:test", f"--logit-scale={scale}"]) == 2
    assert "--logit-scale takes a number above 0" in capsys.readouterr().err


def test_export_prints_every_file_and_evaluate_agrees_with_the_card(exported, config, tmp_path, capsys):
    card = read_card(exported)
    assert set(card.files) == {"saved_model", "model_float32.tflite", "model_int8.tflite"}
    for name, entry in card.files.items():
        out = tmp_path / name
        assert cli.main(["evaluate", str(exported / name), "--data", "discs:val", "--out", str(out), "--quiet"]) == 0
        found = json.loads((out / "metrics.json").read_text())
        for metric in ("max_f", "mean_f", "mae"):
            assert found["curves"][metric] == pytest.approx(entry["metrics"][metric], abs=1e-6)
    assert capsys.readouterr().err == ""


def test_the_cards_config_repeats_the_training(exported, config):
    settings = cli._read_options("train saliency", SaliencyConfig, ["--config", str(exported / "card.json")])
    assert settings.data == config.data
    assert settings.learning_rate == config.learning_rate


def test_predict_and_demo_run_on_the_exported_folder_and_say_with_which_file(exported, tmp_path, capsys, monkeypatch):
    picture = open_source("discs:test").load(3).image
    cv2.imwrite(str(tmp_path / "disc.png"), picture[..., ::-1])
    capsys.readouterr()
    assert cli.main(["predict", str(exported), str(tmp_path / "disc.png"), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.startswith("1 of 1 pictures with model_int8.tflite, threshold ")
    mask = cv2.imread(str(tmp_path / "out" / "masks" / "disc.png"), cv2.IMREAD_GRAYSCALE)
    assert mask.shape == picture.shape[:2]
    (tmp_path / "pictures").mkdir()
    cv2.imwrite(str(tmp_path / "pictures" / "disc.png"), picture[..., ::-1])
    arguments = [
        "demo",
        str(exported),
        "--source",
        str(tmp_path / "pictures"),
        "--headless",
        "--out",
        str(tmp_path / "drawn"),
    ]
    assert cli.main(arguments) == 0
    assert list((tmp_path / "drawn").glob("disc*"))
    assert " FPS end to end with model_int8.tflite, " in capsys.readouterr().out
    monkeypatch.chdir(exported / "saved_model")
    assert load_predictor(".").file == "saved_model"
    capsys.readouterr()


def test_data_check_and_show(tmp_path, capsys):
    for name in ("images", "masks"):
        (tmp_path / "photos" / name).mkdir(parents=True)
    for index in range(3):
        example = open_source("discs:test").load(index)
        cv2.imwrite(str(tmp_path / f"photos/images/{index}.png"), example.image)
        cv2.imwrite(str(tmp_path / f"photos/masks/{index}.png"), example.mask * 255)
    source = f"folder:{tmp_path / 'photos'}"
    assert cli.main(["data", "check", source]) == 0
    assert cli.main(["data", "show", source, "--out", str(tmp_path / "sheet.png"), "--count", "3"]) == 0
    assert cv2.imread(str(tmp_path / "sheet.png")) is not None
    (tmp_path / "photos/images/1.png").write_bytes(b"not a picture")
    capsys.readouterr()
    assert cli.main(["data", "check", source]) == 3
    printed = capsys.readouterr()
    assert "1.png" in printed.out
    assert "--skip-bad" in printed.err


@pytest.mark.slow
def test_quickstart_goes_the_whole_way_and_is_quick_again(plain_config, tmp_path, monkeypatch, capsys):
    def small(options):
        return replace(plain_config, out=f"{options.out}/run", val="discs:val")

    monkeypatch.setattr(quickstart, "configuration", small)
    monkeypatch.setattr(quickstart, "open_source", lambda text: open_source(text.replace("scenes", "discs")))
    folder = tmp_path / "quick"
    with networks_alone(), converting_here():
        assert cli.main(["quickstart", "--out", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "model_int8.tflite" in printed
    assert cv2.imread(str(folder / "pictures" / "overview.png")) is not None
    card = (folder / "model" / "card.json").stat().st_mtime_ns
    assert cli.main(["quickstart", "--out", str(folder)]) == 0
    assert (folder / "model" / "card.json").stat().st_mtime_ns == card, "exported once"
    assert "up to date" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "largest", "mean"), [("model_float32.tflite", 1e-3, 1e-4), ("model_int8.tflite", 1, 0.02)]
)
def test_a_training_starts_from_an_exported_file_as_from_its_run(file, largest, mean, exported, trained, config):
    source, saliency = open_source("discs:train"), get_task("saliency")
    model = starting_model(saliency, replace(config, init=str(exported / file)), source, restored=False)
    kept = load_model(trained.folder)
    pictures = np.stack([fit_image(source.load(index).image, 32, "stretch") for index in range(40, 48)])
    found, expected = (saliency.predictor(one)(pictures) for one in (model, kept))
    assert np.abs(found - expected).max() < largest
    assert np.abs(found - expected).mean() < mean
    assert expected.std() > 0.1
    by_batch = keras.ops.sigmoid(model(pictures, training=True))
    assert np.abs(by_batch - found).mean() < 0.1, "batches normalise as the moving statistics do"


@pytest.mark.long
def test_the_card_says_where_the_first_weights_come_from_and_its_commands_run(
    exported, trained, tmp_path, monkeypatch, config
):
    shutil.copytree(trained.folder, tmp_path / "run")
    settings = json.loads((trained.folder / "config.json").read_text())
    settings["config"]["init"] = str(exported)
    (tmp_path / "run/config.json").write_text(json.dumps(settings))
    assert cli.main(["export", str(tmp_path / "run"), "--to", str(tmp_path / "out"), "--formats", "savedmodel"]) == 0
    card, first = read_card(tmp_path / "out"), read_card(exported)
    assert card.data["first_weights"] == f"{exported}: made up"
    monkeypatch.chdir(card_folder := tmp_path / "out")
    first_line, *lines = card.command
    monkeypatch.chdir(card_folder / first_line.removeprefix("cd "))
    assert len(lines) == 2
    for line in lines:
        assert cli.main(shlex.split(line)[1:]) == 0, line
    assert read_card(card_folder).command == card.command
    assert f"- First weights: {exported}: made up\n" in (tmp_path / "out/README.md").read_text()
    assert first.data["first_weights"] == ""


def test_what_no_training_can_start_from_is_one_sentence(exported, trained, tmp_path):
    source = open_source("discs:train")
    with pytest.raises(UsageError, match=r"no trained model at nowhere: .*\(detection_bccd, saliency_lite0,"):
        first_model("nowhere", ("saliency",), source)
    for init in (str(exported), str(trained.folder)):
        with pytest.raises(UsageError, match="is a saliency model: give a detection model"):
            first_model(init, ("detection",), source)
    without = tmp_path / "without"
    without.mkdir()
    card = json.loads((exported / "card.json").read_text())
    (without / "card.json").write_text(json.dumps({**card, "files": {}}))
    with pytest.raises(UsageError, match=r"has no .tflite file"):
        first_model(str(without), ("saliency",), source)
    (without / "card.json").write_text(json.dumps({**card, "config": {**card["config"], "backbone": "resnet50"}}))
    for file in card["files"]:
        if file.endswith(".tflite"):
            (without / file).write_bytes((exported / file).read_bytes())
    with pytest.raises(UsageError, match=r"model_float32.tflite cannot be read back \(the file has no kernel"):
        first_model(str(without), ("saliency",), source)
    config = SaliencyConfig(data="discs:train", backbone="mobilenet_v3_small", size=32, init=str(exported))
    with pytest.raises(UsageError, match=r"another network .*: use --backbone tiny$"):
        starting_model(get_task("saliency"), config, source, restored=False)


def test_tables_align_and_show_what_is_missing():
    text = table(
        [("model", {"max_f": 0.91234}), ("a longer name", {"max_f": 0.5})],
        metrics_of("max_f", "mae"),
    )
    assert text.split("\n") == ["                MaxF  MAE", "model          0.912    -", "a longer name  0.500    -"]
    assert grid([["a", "b"], ["long", "1"]]) == "a     b\nlong  1"
