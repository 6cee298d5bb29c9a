"""`metricfit evaluate --guarantee`: a promise of an exported model, told, drawn, and put into its card."""

import json
import shutil
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest

from metricfit.app import cli, export
from metricfit.app.api import evaluate
from metricfit.app.evaluation.verb import _scores_of, report_folder
from metricfit.app.options import EvaluateOptions
from metricfit.app.predictor import load_predictor
from metricfit.export.card import read_card
from metricfit.saved_models import shipped_models
from metricfit.trainers.data import sources
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.errors import DataError, MetricfitError
from metricfit.trainers.guarantees.unseen import fingerprint
from metricfit.trainers.judge.base import Report

from ..fakes import disc

COUNT = 24


class Discs(Source):
    """White discs on dark blue, which any saliency model finds."""

    name, class_names = "white", ()

    def __init__(self, first=0):
        self.names = [f"disc {index}" for index in range(first, first + COUNT)]

    def __len__(self):
        return COUNT

    def load(self, index):
        image = disc(60, 80, 25 + index, 10 + index // 3)
        return Example(image, mask=(image[..., 0] > 128).astype(np.uint8), name=self.names[index])


@pytest.fixture
def white(monkeypatch):
    kind = sources.SourceKind("white", lambda rest, needs: Discs(int(rest or 0)))
    monkeypatch.setitem(sources.SOURCES, "white", kind)


@pytest.fixture
def model(tmp_path, white):
    return shutil.copytree(shipped_models()["saliency_mobile"], tmp_path / "exports/mine")


def run(capsys, *arguments):
    code = cli.main(["evaluate", *map(str, arguments), "--quiet"])
    told = capsys.readouterr()
    return code, " ".join((told.err or told.out).split())


def test_a_promise_goes_into_the_card_and_predictions_cut_there(model, tmp_path, capsys):
    report = tmp_path / "report"
    asked = (model, "--data", "white:", "--guarantee", "recall >= 0.8 @ 0.9", "--out", report)
    code, told = run(capsys, *asked, "--into-card")
    assert code == 0, told
    metrics = json.loads((report / "metrics.json").read_text())
    kept = metrics["guarantee"]
    assert kept["statement"] in told
    assert str(model / "card.json") in told
    assert (kept["pictures"], kept["counted"]) == (COUNT, COUNT)
    assert kept["means"]["recall"] > 0.8
    assert kept["curves"]["recall"][0] > 0.95
    assert (report / "guarantee.png").is_file()

    card = read_card(model)
    entry = card.files["model_int8.tflite"]
    assert card.schema_version == 8
    assert entry["guarantee"] == {
        **{name: value for name, value in kept.items() if name != "curves"},
        "data": "white",
    }
    assert 0 < kept["threshold"] != entry["thresholds"]["optimal"]
    assert kept["statement"] in (model / "README.md").read_text()
    assert f"np.float32({kept['threshold']})" in (model / "README.md").read_text()
    assert sorted(path.name for path in tmp_path.joinpath("exports").iterdir()) == ["mine"], "nothing is left behind"

    predictor = load_predictor(model)
    assert (predictor.threshold.value, predictor.threshold.promise) == (kept["threshold"], "recall >= 0.8 @ 0.9")
    example = Discs().load(3)
    found = predictor(example.image)
    np.testing.assert_array_equal(found.mask > 0, found.map >= np.float32(kept["threshold"]))
    assert load_predictor(model, threshold=0.75).threshold.value == 0.75, "the user's own comes first"
    # What was measured is what is cut: recall over the calibration pictures, by the masks that predict writes.
    masks = [(predictor(one.image).mask > 0, one.mask > 0) for one in map(Discs().load, range(COUNT))]
    recall = np.mean([(mask & truth).sum() / truth.sum() for mask, truth in masks])
    assert recall == pytest.approx(kept["means"]["recall"], abs=1e-6)


def test_what_cannot_be_promised_is_said_and_leaves_the_card_as_it_is(model, tmp_path, capsys, monkeypatch):
    before = (model / "card.json").read_bytes()
    asked = (model, "--data", "white:", "--guarantee", "precision >= 0.9 @ 0.9", "--out", tmp_path / "report")
    code, told = run(capsys, *asked)
    assert code == 2
    assert '"precision >= 0.9 @ 0.9" needs 42 pictures at least' in told
    monkeypatch.setattr(Report, "draw", lambda report, folder: [])
    code, told = run(capsys, *asked[:4], "f >= 0.82 @ 0.9", "--out", tmp_path / "report", "--into-card")
    assert code == 1
    assert 'model_int8.tflite keeps its thresholds: "f >= 0.82 @ 0.9" cannot be promised by these 24 pictures' in told
    assert (tmp_path / "report/metrics.json").is_file()
    assert (model / "card.json").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--into-card"], "--into-card keeps a promise: give one"),
        (["--guarantee", "all"], "--guarantee must read like"),
        (["--guarantee", "recall >= 0.9", "--protocol", "published"], "the model's own scores: leave --protocol out"),
        (["--guarantee", "recall >= 0.9", "--logit-scale", "2"], "the model's own scores: leave --logit-scale out"),
        (["--guarantee", "recall >= 0.99 @ 0.95"], "needs 299 pictures at least"),
        (["--guarantee", "recall@iou=0.7 >= 0.8"], "--guarantee of an IoU is for detection models"),
        (["--guarantee", "recall >= 0.8", "--guarantee=f >= 0.5 @ 0.9"], "--guarantee is given 2 times"),
    ],
)
def test_what_does_not_fit_is_refused(options, sentence, white, capsys, tmp_path):
    code, told = run(capsys, "saliency_mobile", "--data", "white:", "--out", tmp_path / "report", *options)
    assert code == 2
    assert sentence in told
    assert not (tmp_path / "report").exists()


def test_a_shipped_model_keeps_its_card(white, capsys):
    code, told = run(capsys, "saliency_mobile", "--data", "white:", "--guarantee", "recall >= 0.8", "--into-card")
    assert code == 2
    assert "saliency_mobile ships with the program and stays as it is: copy " in told


def test_pictures_that_the_model_knows_are_refused(model, caplog):
    card = json.loads((model / "card.json").read_text())
    for known in ({"data": "white:0"}, {"data": "folder:/nowhere", "val": "white:0"}):
        (model / "card.json").write_text(json.dumps({**card, "config": {**card["config"], "val": None, **known}}))
        with pytest.raises(DataError, match=r"24 of the 24 pictures of white are in white, .*trained or chosen"):
            evaluate(model, "white:0", guarantee="recall >= 0.8", quiet=True)
    joined = {"data": "folder:/nowhere + white:0", "val": None}
    (model / "card.json").write_text(json.dumps({**card, "config": {**card["config"], **joined}}))
    with pytest.raises(DataError, match="24 of the 24 pictures of white are in white"):
        evaluate(model, "white:0", guarantee="recall >= 0.8", quiet=True)
    for part in ("validation", "training"):
        (model / "card.json").write_text(json.dumps({**card, "data": {**card["data"], part: "white:0"}}))
        with pytest.raises(DataError, match="trained or chosen"):
            evaluate(model, "white:0", guarantee="recall >= 0.8", quiet=True)


def test_pictures_that_the_model_knows_are_refused_where_its_data_are_not_here(model):
    """By their pixels, of which the card keeps fingerprints: data have moved, and pictures have other names."""
    card = json.loads((model / "card.json").read_text())
    for one, refused in ((disc(60, 80, 25, 10), True), (disc(60, 80, 99, 10), False)):
        told = {**card["data"], "fingerprints": f"0123456789abcdef {fingerprint(one)}"}
        (model / "card.json").write_text(json.dumps({**card, "data": told}))
        with pytest.raises(DataError, match="disc 0 shows a picture on which") if refused else nullcontext():
            evaluate(model, "white:0", guarantee="recall >= 0.8", quiet=True)
    (model / "card.json").write_text(json.dumps({**card, "data": {**card["data"], "fingerprints": 7}}))
    with pytest.raises(DataError, match=r"data.fingerprints in .* must be a text, got 7"):
        evaluate(model, "white:0", guarantee="recall >= 0.8", quiet=True)


def test_what_cannot_be_looked_up_is_said(model, caplog):
    caplog.set_level("WARNING", "metricfit")
    evaluate(model, "white:", guarantee="recall >= 0.8", quiet=True)
    said = [record.getMessage() for record in caplog.records if "calibration pictures" in record.getMessage()]
    assert len(said) == 1, "once for the training data, of which the validation data are a part"
    assert said[0].startswith("folder:data/ecssd:train, folder:data/people:train, by which the model was")


def test_an_export_with_a_file_that_promises_nothing_ends_with_1(monkeypatch, capsys):
    files = {
        "model_int8.tflite": {"guarantee": {"promise": "recall >= 0.8"}},
        "model_float32.tflite": {"guarantee": {}},
    }
    card = SimpleNamespace(task="saliency", files=files)
    result = SimpleNamespace(card=card, refused={}, made=[], scalars={})
    monkeypatch.setattr(export, "export_run", lambda **_: result)
    asked = ["export", "runs/a", "--to", "exports/a", "--guarantee", "recall >= 0.8", "--guarantee-data", "scenes:test"]
    for promise, code in (("", 1), ("recall >= 0.8", 0)):
        files["model_float32.tflite"]["guarantee"]["promise"] = promise
        assert cli.main(asked) == code


def test_from_python_a_report_has_it_and_the_card_changes_where_asked(model):
    report = evaluate(model, "white:", guarantee="recall >= 0.8", into_card=True, quiet=True)
    assert report.guarantee.threshold == load_predictor(model).threshold.value
    assert read_card(model).files["model_int8.tflite"]["guarantee"]["promise"] == "recall >= 0.8"
    with pytest.raises(MetricfitError, match=r"more would not help|would do"):
        evaluate(model, "white:", guarantee="precision >= 0.82 @ 0.9", into_card=True, quiet=True)


def test_a_promised_threshold_is_not_one_that_the_selection_split_picked():
    runner = SimpleNamespace(
        threshold_origin="card", thresholds=(), threshold=0.25, class_names=("a", "b"), fitted=None
    )
    for promise, picked in (("", 0.25), ("recall >= 0.9", None)):
        runner.promise = promise
        told = _scores_of(EvaluateOptions("exports/a"), runner)
        assert told == {"thresholds": (0.25, 0.25), "carried": (picked, None)}


def test_reports_with_a_promise_lie_elsewhere():
    assert report_folder(EvaluateOptions("runs/a", "voc:b", guarantee="recall >= 0.9")).name == "voc-b-guarantee"
