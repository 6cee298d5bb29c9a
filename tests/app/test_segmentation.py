"""`metricfit evaluate` on a segmentation run, and `metricfit data` on class maps."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import metricfit
from metricfit.app import cli
from metricfit.app.evaluation.coding import coding_of
from metricfit.app.options import EvaluateOptions
from metricfit.trainers.data.pixel_files.coding import FileCoding

from ..conftest import registered
from ..trainers.data.test_folder import write_pairs


@pytest.fixture
def typed(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with registered():
            code = cli.main(list(map(str, arguments)))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return run


def test_a_run_is_measured_by_all_means(segmented, typed, tmp_path):
    code, told, _ = typed("evaluate", segmented.folder, "--data", "colours:test", "--batch-size", "7")
    assert code == 0
    folder = tmp_path / "reports/run/colours-test"
    assert {path.name for path in folder.iterdir()} == {
        "class_iou.png", "confusion.png", "metrics.json", "panels.png", "reliability.png",
    }  # fmt: skip
    summary = json.loads((folder / "metrics.json").read_text())
    assert (summary["task"], summary["examples"], summary["batch_size"]) == ("segmentation", 60, 7)
    assert np.sum(summary["confusion"]) == 60 * 38 * 48, "the border of every picture is ignored"
    assert sum(summary["calibration"]["bins"]["counts"]) == np.sum(summary["confusion"])
    for word in (
        "pixel ECE",
        f"{summary['scalars']['pixel_ece']:.3f}",
        "colours:test (60)",
        "mIoU",
        "image mIoU",
        "blue",
        f"{summary['scalars']['dataset_miou']:.3f}",
    ):
        assert word in told
    code, _, error = typed("evaluate", segmented.folder, "--data", "colours:test", "--beta2", "1")
    assert code == 2
    assert "--beta2 is for saliency models" in error


def test_the_run_says_what_label_values_mean(segmented, typed, tmp_path):
    """A copy of the run, trained as if on label files with three names and an ignored value."""
    run, data = tmp_path / "copy", tmp_path / "data"
    run.mkdir()
    shutil.copy(segmented.folder / "model.keras", run)
    settings = json.loads((segmented.folder / "config.json").read_text())
    settings["config"] |= {"classes": str(tmp_path / "names.txt"), "ignore": [7]}
    (run / "config.json").write_text(json.dumps(settings))
    (tmp_path / "names.txt").write_text("background\nred\nblue\n")
    write_pairs(data, ["a", "b"], "labels", value=7)
    code, *_ = typed("evaluate", run, "--data", f"folder:{data}", "--out", tmp_path / "out")
    assert code == 0
    found = json.loads((tmp_path / "out/metrics.json").read_text())
    assert np.sum(found["confusion"]) == 2 * 24 * 32 - 8 * (20 + 19)
    code, _, error = typed("evaluate", run, "--data", f"folder:{data}", "--ignore", "8")
    assert code == 3
    assert "hold the value 7" in error
    # Data that have names themselves are not asked by the run's.
    options = EvaluateOptions(model="", data="scenes:val")
    runner = type("Runner", (), {"path": run / "model.keras", "card": None})
    assert coding_of(options, runner, FileCoding()).classes is None


def test_class_maps_are_checked_and_shown(typed, tmp_path):
    data = tmp_path / "data"
    write_pairs(data, ["a", "b"], "labels", value=2)
    (tmp_path / "names.txt").write_text("sky\nroad\ncar\n")
    code, told, _ = typed("data", "check", f"folder:{data}", "--classes", "names.txt")
    assert code == 0
    assert "2 examples, no faults" in told
    assert "% car; 0.00% of all are ignored" in told
    assert "no pixel of road" in told
    code, told, _ = typed("data", "check", f"folder:{data}", "--needs", "labels")
    assert code == 0, "without names the values are not judged"
    Image.fromarray(np.full((24, 32), 9, np.uint8)).save(data / "labels" / "a.png")
    code, told, error = typed("data", "check", f"folder:{data}", "--classes", "names.txt")
    assert code == 3
    assert "hold the value 9, the classes are 0 (sky) to 2 (car)" in told
    code, *_ = typed("data", "show", f"folder:{data}", "--classes", "names.txt", "--ignore", "9")
    assert code == 0
    assert (tmp_path / "contact_sheet.png").is_file()
    code, _, error = typed("data", "check", f"folder:{data}", "--needs", "mask", "--ignore", "9")
    assert code == 2
    assert "--classes, --ignore and --colours are for labels" in error


def test_a_run_is_measured_at_several_scales(segmented, typed, tmp_path):
    arguments = ("evaluate", segmented.folder, "--data", "colours:test", "--quiet")
    code, *_ = typed(*arguments, "--scales", "1", "0.5", "--flips")
    assert code == 0
    summary = json.loads((tmp_path / "reports/run/colours-test-scales-1-0.5-flips/metrics.json").read_text())
    assert (summary["scales"], summary["flips"]) == ([1, 0.5], True)
    assert summary["scalars"]["dataset_miou_present"] > 0.5
    code, _, error = typed(*arguments, "--scales", "0")
    assert code == 2
    assert "--scales must be from 0.05 to 4 each, got (0.0,)" in error


def test_class_maps_are_decided_for_iou_beside_the_likeliest_classes(segmented, typed, tmp_path):
    arguments = ("evaluate", segmented.folder, "--data", "colours:test", "--quiet")
    code, told, _ = typed(*arguments, "--decision", "iou")
    assert code == 0
    folder = tmp_path / "reports/run/colours-test-decision-iou"
    assert {"panels.png", "decided_panels.png", "decided_class_iou.png"} <= {path.name for path in folder.iterdir()}
    summary = json.loads((folder / "metrics.json").read_text())
    decided, scalars = summary["decided"], summary["scalars"]
    assert (summary["decision"], decided["group"], decided["images"]) == ("iou", 21, 60)
    assert decided["scalars"]["expected_miou"] >= scalars["expected_miou"] - 1e-3
    for words in (
        "colours:test (60), argmax",
        "colours:test (60), iou",
        "expected mIoU",
        "IoU, decided",
        f"{decided['scalars']['dataset_miou_present']:.3f}",
        f"{decided['scalars']['expected_miou']:.3f}",
    ):
        assert words in told
    with registered():
        plain = metricfit.evaluate(segmented.folder, data="colours:test", quiet=True)
        flipped = metricfit.evaluate(segmented.folder, data="colours:test", quiet=True, decision="iou", flips=True)
    assert plain.decided is None
    assert {**plain.scalars, "expected_miou": scalars["expected_miou"]} == scalars
    assert flipped.decided.scalars != decided["scalars"]


@pytest.mark.parametrize(
    ("further", "said"),
    [
        (("--guarantee", "recall >= 0.2"), "--guarantee chooses among the model's own scores: leave --decision out"),
        (("--runner", "direct"), "--decision iou is of pictures in a row, of which the workers of --runner see parts"),
    ],
)
def test_what_a_decision_does_not_go_with_is_refused(segmented, typed, further, said):
    code, _, error = typed("evaluate", segmented.folder, "--data", "colours:test", "--decision", "iou", *further)
    assert code == 2
    assert said in error
