"""How mask and label files are read for a model: as the user says, else as its training did."""

from types import SimpleNamespace

import pytest

from metricfit.app.evaluation.coding import files_of
from metricfit.app.evaluation.verb import evaluate
from metricfit.app.keywords import options_from
from metricfit.app.options import EvaluateOptions
from metricfit.export.provenance import command_lines
from metricfit.trainers.data.pixel_files.coding import FileCoding
from metricfit.trainers.errors import UsageError


def files(trained, **given):
    runner = SimpleNamespace(card=SimpleNamespace(config=trained))
    return files_of(options_from(EvaluateOptions, {"model": "m", **given}, "evaluate()"), runner)


def test_the_user_comes_before_the_training(tmp_path):
    (tmp_path / "colours.txt").write_text("0 0 0 sky\n")
    colours = str(tmp_path / "colours.txt")
    trained = {"mask_threshold": 0.3, "resize_masks": True, "colours": colours}
    assert files({}) == FileCoding()
    assert files(trained) == FileCoding(0.3, True, colours)
    assert files(trained, mask_threshold=0.6, colours="other.txt") == FileCoding(0.6, True, "other.txt")
    assert files({"colours": "gone.txt"}).colours is None


def test_a_model_file_alone_says_nothing(tmp_path):
    runner = SimpleNamespace(card=None, path=str(tmp_path / "model.keras"))
    assert files_of(EvaluateOptions(model="m"), runner) == FileCoding()
    (tmp_path / "config.json").write_text('{"class_name": "Functional"}')
    assert files_of(EvaluateOptions(model="m", resize_masks=True), runner) == FileCoding(resize=True)


@pytest.mark.parametrize(("option", "value"), [("colours", "c.txt"), ("classes", "c.txt")])
def test_options_for_labels_are_none_of_saliency(option, value):
    with pytest.raises(UsageError, match=f"--{option} is for segmentation models"):
        evaluate(EvaluateOptions(model="saliency_lite0", **{option: value}))


def test_an_export_repeats_how_files_are_read(tmp_path):
    told = {"formats": ("savedmodel",), "quantize": (), "seed": 0}
    paths = "saliency", tmp_path / "m.keras", tmp_path / "to"
    *_, command = command_lines(*paths, **told, mask_threshold=0.5, resize_masks=True, colours=None)
    assert " --mask-threshold 0.5 --resize-masks --" in command
    *_, command = command_lines(*paths, **told, mask_threshold=None, resize_masks=False)
    assert "mask" not in command
