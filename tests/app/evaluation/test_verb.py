"""`metricfit evaluate` on a detector: tables, files, and options that are another task's."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from metricfit.app import cli
from metricfit.app.evaluation import verb as evaluation
from metricfit.app.options import EvaluateOptions
from metricfit.trainers.data import sources
from metricfit.trainers.data.example import Example
from metricfit.trainers.models.detector.suppression import Suppression

from ...trainers.detections import NAMES, Squares, knowing
from ...trainers.small_discs import SmallDiscs, blobs
from ..fakes import BrightnessRunner


class KnowingRunner:
    """A detector that knows what the source has, two pixels beside it, and the classes in another order."""

    task = "detection"
    size = 64
    resizing = "pad"
    class_names = NAMES[::-1]
    path, card, suppression = "runs/detector/model.keras", None, Suppression()
    threshold, thresholds, threshold_origin, fitted, promise = 0.5, (), "default", None, ""

    def __init__(self):
        self._predict = knowing(Squares(), self.size, self.resizing, self.class_names, shift=1.0)

    def __call__(self, images):
        return self._predict(images)


@pytest.fixture
def evaluate(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sources.SOURCES, "squares", sources.SourceKind("squares", lambda rest, needs: Squares()))

    def run(*options, runner=None):
        model = SimpleNamespace(runner=runner or KnowingRunner(), file="boxes.tflite")
        monkeypatch.setattr(evaluation, "load_predictor", lambda path, **_: model)
        arguments = ["evaluate", "runs/detector", "--data", "squares", "--out", str(tmp_path / "report"), "--quiet"]
        code = cli.main([*arguments, *options])
        told = capsys.readouterr()
        return code, tmp_path / "report", told.err or told.out

    return run


def test_a_detector_is_measured_by_ap_and_olrp(evaluate):
    code, folder, text = evaluate("--correlation-bounds", "--batch-size", "3")
    assert code == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "class_ap.png", "confusion.png", "metrics.json", "panels.png", "precision_recall.png", "reliability.png",
        "thresholds.png",
    ]  # fmt: skip
    summary = json.loads((folder / "metrics.json").read_text())
    assert (summary["task"], summary["examples"], summary["images"]) == ("detection", 8, 8)
    assert "beta2" not in summary
    scalars = summary["scalars"]
    assert 0.5 < scalars["ap"] < 1
    assert scalars["ap50"] == pytest.approx(1.0)
    assert list(summary["classes"]) == list(NAMES)
    assert summary["correlation_bounds"]["lower"]["ap50"] == pytest.approx(1.0)
    assert {"detection_ece", "laece_0", "laace_0"} <= set(scalars)
    assert summary["calibration"]["thresholds_of"] == "these data"
    for words in (
        "D-ECE",
        "LaECE_0",
        f"{scalars['laace_0']:.3f}",
        "AP75",
        "oLRP",
        "band from",
        "squares (8)",
        "owl",
        "scored against IoU",
        f"{scalars['ap']:.3f}",
        "true / found as",
        "mistaken",
        f"{summary['intervals']['ap_low']:.3f}",
        f"{summary['classes']['owl']['ap_high']:.3f}",
    ):
        assert words in text
    assert summary["intervals"]["draws"] == 1000
    assert len(summary["confusion"]) == len(summary["confusion_names"]) == 4
    code, _, text = evaluate("--intervals", "0")
    assert code == 0
    assert "pictures" not in text, "columns of nothing but dashes"
    assert not {"correlation_bounds", "intervals"} & set(json.loads((folder / "metrics.json").read_text()))
    code, _, text = evaluate("--intervals", "-1")
    assert (code, "--intervals is how often pictures are drawn anew" in text) == (2, True)


@pytest.mark.parametrize(("thresholds", "said"), [((0.85, 1.0, 0.0), [0.0, 1.0, 0.85]), ((), [0.85] * 3)])
def test_calibration_is_that_of_the_boxes_that_the_model_shows(evaluate, thresholds, said):
    runner = KnowingRunner()
    runner.thresholds, runner.threshold, runner.threshold_origin = thresholds, 0.85, "card"
    code, folder, _ = evaluate(runner=runner)
    assert code == 0
    summary = json.loads((folder / "metrics.json").read_text())
    assert "thresholds" not in summary
    calibration = summary["calibration"]
    assert (calibration["thresholds_of"], list(calibration["thresholds"].values())) == ("model", said)
    # It finds one box with .9 and one with .8 in each picture.
    kinds = [Squares().load(index).classes for index in range(8)]
    shown = sum(score >= said[kind] for pair in kinds for kind, score in zip(pair, (0.9, 0.8)))
    assert abs(sum(calibration["precision"]["counts"]) - shown) <= 1, "one box is difficult"


def test_nothing_shown_is_a_dash(evaluate):
    runner = KnowingRunner()
    runner.threshold, runner.threshold_origin = 1.0, "run"
    code, folder, text = evaluate(runner=runner)
    assert code == 0
    assert (folder / "reliability.png").is_file()
    assert not {"detection_ece", "laece_0", "laace_0"} & set(
        json.loads((folder / "metrics.json").read_text())["scalars"]
    )
    row = text[text.index("D-ECE") :].splitlines()[1]
    assert row.split()[-3:] == ["-", "-", "-"]


def test_options_of_another_task_are_refused(evaluate):
    code, folder, told = evaluate("--beta2", "1.0")
    assert code == 2
    assert "--beta2 is for saliency models, runs/detector is a detection model: leave it out" in told
    assert evaluate("--protocol", "published")[0] == evaluate("--logit-scale", "2")[0] == 2
    saliency = BrightnessRunner()
    saliency.task = "saliency"
    code, folder, told = evaluate("--correlation-bounds", runner=saliency)
    assert code == 2
    assert "--correlation-bounds is for detection models" in told
    for runner in (None, saliency):
        code, folder, told = evaluate("--decision", "iou", runner=runner)
        assert code == 2
        assert "--decision is for segmentation models" in told
    assert not folder.exists()


def test_data_with_other_classes_or_without_boxes(evaluate, monkeypatch):
    class Cats(KnowingRunner):
        class_names = ("cat",)

        def __init__(self):
            pass

    code, _, told = evaluate(runner=Cats())
    assert code == 2
    assert "squares has dog, owl, which the model does not know (it finds cat)" in told
    Cats.class_names = ()
    assert "does not say the names of its classes" in evaluate(runner=Cats())[2]

    class Maskless(Squares):
        def load(self, index):
            example = super().load(index)
            return Example(example.image, mask=np.zeros(example.image.shape[:2], np.uint8), name=example.name)

    monkeypatch.setitem(sources.SOURCES, "squares", sources.SourceKind("squares", lambda rest, needs: Maskless()))
    assert evaluate()[0] == 3


def test_data_without_a_box_that_counts_are_refused_before_anything_is_predicted(evaluate, monkeypatch):
    class Difficult(Squares):
        def load(self, index):
            return replace(super().load(index), difficult=np.array([True, True]))

    class Untouched(KnowingRunner):
        def __call__(self, images):
            raise AssertionError("nothing is to be predicted")

    monkeypatch.setitem(sources.SOURCES, "squares", sources.SourceKind("squares", lambda rest, needs: Difficult()))
    code, folder, told = evaluate(runner=Untouched())
    assert code == 3
    assert "none of the 8 pictures of squares has a box that counts" in told
    assert not folder.exists()


def test_an_export_called_like_its_run_is_reported_apart(tmp_path):
    for place in ("runs/a", "exports/a"):
        (tmp_path / place).mkdir(parents=True)
    (tmp_path / "exports/a/card.json").touch()
    options = [EvaluateOptions(model=str(tmp_path / place), data="voc:cells") for place in ("runs/a", "exports/a")]
    folders = [str(evaluation.report_folder(one)) for one in options]
    assert folders == ["reports/a/voc-cells", "reports/a-export/voc-cells"]


def test_no_evaluation_lands_on_another_by_default():
    plain = {"model": "runs/a", "data": "voc:cells:test"}
    differing = [
        {}, {"protocol": "published"}, {"logit_scale": "best"}, {"beta2": 1.0}, {"correlation_bounds": True},
        {"skip_bad": True}, {"data": "voc:cells:val"}, {"model": "runs/b"},
    ]  # fmt: skip
    folders = [str(evaluation.report_folder(EvaluateOptions(**{**plain, **more}))) for more in differing]
    assert folders[0] == "reports/a/voc-cells-test"
    assert folders[3:6] == [f"{folders[0]}-{end}" for end in ("beta2-1", "correlation-bounds", "skip-bad")]
    assert len(set(folders)) == len(folders)


def test_a_large_picture_is_looked_at_in_tiles_and_boxes_of_views_are_brought_together(evaluate, monkeypatch):
    small = sources.SourceKind("small", lambda rest, needs: SmallDiscs(2))
    monkeypatch.setitem(sources.SOURCES, "small", small)

    def measured(*options):
        runner = KnowingRunner()
        runner.class_names, runner._predict = ("disc",), blobs(64)
        code, folder, text = evaluate("--data", "small", *options, runner=runner)
        assert code == 0, text
        return json.loads((folder / "metrics.json").read_text())

    plain, tiled = measured(), measured("--tiles", "auto", "--tile-overlap", "0.4", "--flips")
    assert (plain["tiles"], tiled["tiles"], tiled["tile_overlap"], tiled["flips"]) == (None, "auto", 0.4, True)
    assert plain["suppression"] == {"method": "hard", "iou": 0.5, "per_class": True}
    assert plain["scalars"]["ap50"] < 0.1 < 0.9 < tiled["scalars"]["ap50"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--scales", "1", "1.5"], "--scales 1 1.5 needs a Keras model, runs/detector/model.keras has one size alone"),
        (["--tiles", "0"], "--tiles must be auto or a number from 2 to 64, got 0"),
        (["--tile-overlap", "0.3"], "--tile-overlap is of tiles: give --tiles"),
        (["--nms", "soft-gaussian", "--nms-iou", "0.3"], "--nms-iou is for --nms hard and soft-linear"),
    ],
)
def test_views_and_suppression_that_cannot_be_are_refused(evaluate, options, sentence):
    code, _, told = evaluate(*options)
    assert code == 2
    assert sentence in " ".join(told.split())


def test_reports_of_other_views_and_suppressions_lie_elsewhere():
    told = EvaluateOptions(
        "runs/a", "voc:b", tiles="auto", tile_overlap=0.3, flips=True, nms="soft-linear", nms_iou=0.4
    )
    folder = evaluation.report_folder(replace(told, nms_per_class=False, max_detections=300))
    assert folder.name == "voc-b-flips-tiles-auto-overlap-0.3-nms-soft-linear-iou-0.4-classes-no-max-300"
    assert evaluation.report_folder(EvaluateOptions("runs/a", "voc:b")).name == "voc-b"
