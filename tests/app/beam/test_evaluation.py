"""Evaluations in parts, done and merged in any order, against `metricfit evaluate` in one process: the same bytes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from metricfit.app import cli
from metricfit.app.beam import model, outcome, verbs
from metricfit.app.beam.evaluation import judge_part
from metricfit.app.beam.outcome import Costs, Noted, Outcome
from metricfit.app.evaluation import verb
from metricfit.trainers.errors import DataError, MetricfitError
from metricfit.trainers.judge.maps import MapJudge
from metricfit.trainers.metrics.jaccard import Jaccard

from ...conftest import registered
from .data import MASKED, boxed, masked, merged_anyhow


@pytest.fixture
def typed(tmp_path, capsys, monkeypatch):
    """Runs the program; a runner does the parts here, in an order of its own."""
    monkeypatch.chdir(tmp_path)
    seen, found = [], []

    def on_runner(options, work):
        seen.append(work)
        found.append(merged_anyhow(work, seed=len(seen)))
        return found[-1]

    monkeypatch.setattr(verb, "check_runner", lambda runner, told: None)
    monkeypatch.setattr(verbs, "on_runner", on_runner)

    def run(*arguments):
        with registered():
            code = cli.main(["evaluate", *map(str, arguments)])
        told = capsys.readouterr()
        return code, told.out + told.err

    run.seen, run.found = seen, found
    return run


def same_files(first: Path, second: Path):
    names = sorted(path.name for path in first.iterdir())
    assert names == sorted(path.name for path in second.iterdir())
    assert "metrics.json" in names
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def compared(typed, model, data, *more, batch_size=2):
    """Evaluate in one process and on a runner; gives what the latter said."""
    common = [model, "--data", data, "--batch-size", batch_size, *more]
    code, told = typed(*common, "--out", "one")
    assert code == 0, told
    code, told = typed(*common, "--out", "many", "--runner", "direct")
    assert code == 0, told
    assert len(list(typed.seen[-1].places.parts())) > 3
    same_files(Path("one"), Path("many"))
    return told


def test_saliency(typed, tmp_path):
    told = compared(typed, "saliency_lite0", masked(tmp_path / "data"), "--beta2", "0.5", "--protocol", "published")
    assert "a picture took, of one processor: load" in told
    assert json.loads(Path("many/metrics.json").read_bytes())["examples"] == MASKED


def test_detection(typed, tmp_path):
    promise = ("--guarantee", "recall@iou=0.4 >= 0.1")
    told = compared(typed, "detection_bccd", boxed(tmp_path / "data"), "--correlation-bounds", *promise)
    assert '"recall@iou=0.4 >= 0.1"' in told
    assert json.loads(Path("many/metrics.json").read_bytes())["guarantee"]["digest"]
    assert Path("many/guarantee.png").is_file()


@pytest.mark.long
def test_segmentation(typed, segmented):
    # Several scales are seen by a model that is built for them.
    promise = ("--guarantee", "recall >= 0.2")
    told = compared(typed, segmented.folder, "colours:test", "--scales", "1", "0.5", *promise, batch_size=7)
    assert "the share of a picture's pixels that show their class, and the right one" in told
    jaccard = typed.found[-1].judge.measures["jaccard"]
    assert isinstance(jaccard, Jaccard)
    assert len(jaccard._runs) == 1, "what is kept of batches grows with the parts"


def test_a_picture_at_fault_stops_all_or_is_left_out(typed, tmp_path, monkeypatch):
    data = masked(tmp_path / "data", bad=(0, 5, 6))
    code, told = typed("saliency_lite0", "--data", data, "--batch-size", "2", "--runner", "direct", "--out", "x")
    assert code == 3
    assert "cannot be read as an image" in told
    assert "mend them, or leave them out with --skip-bad" in told
    assert not Path("x").exists()
    common = ["saliency_lite0", "--data", data, "--batch-size", "2", "--skip-bad"]
    one, many = typed(*common, "--out", "one"), typed(*common, "--out", "many", "--runner", "direct")
    assert one[0] == many[0] == 0
    assert "--skip-bad: 3 of 13 examples left out" in many[1]
    assert "00" in many[1]
    assert "06" in many[1]
    # What is drawn of the pictures is of others than without faults.
    figures = [json.loads(Path(folder, "metrics.json").read_bytes()) for folder in ("one", "many")]
    assert figures[0] == figures[1]
    assert figures[0]["examples"] == 10
    # All of them.
    for path in (tmp_path / "data/images").iterdir():
        path.write_bytes(b"broken")
    code, told = typed(*common, "--out", "none", "--runner", "direct")
    assert code == 3
    assert "none of the 13 examples can be used" in told


def test_repairs_are_told_and_can_be_refused(typed, tmp_path):
    data = boxed(tmp_path / "data")
    label = tmp_path / "data/labels/03.txt"
    label.write_text(label.read_text() + "1 0.95 0.5 0.2 0.2\n")
    compared(typed, "detection_bccd", data)
    code, told = typed("detection_bccd", "--data", data, "--runner", "direct", "--strict", "--out", "x")
    assert code == 3
    assert "--strict lets neither faults nor repairs pass" in told


def test_a_worker_with_another_model_data_or_version_is_refused(typed, tmp_path, monkeypatch):
    data = masked(tmp_path / "data")
    assert typed("saliency_lite0", "--data", data, "--runner", "direct", "--out", "x")[0] == 0
    (work,) = typed.seen
    with pytest.raises(DataError, match="the model at saliency_lite0 is another file on a worker"):
        judge_part(replace(work, model=replace(work.model, sha256="0" * 64)), 0, 2)
    with pytest.raises(MetricfitError, match=r"a worker has metricfit [\d.]+, the launching process 0\.0\.1"):
        judge_part(replace(work, model=replace(work.model, version="0.0.1")), 0, 2)
    (tmp_path / "data/images/00.png").unlink()
    (tmp_path / "data/masks/00.png").unlink()
    with pytest.raises(DataError, match="is not the same on a worker: expected the 13 pictures"):
        judge_part(replace(work, label="opened anew"), 0, 2)


def test_a_worker_opens_model_and_data_once(typed, tmp_path, monkeypatch):
    calls, load = [], model.load_predictor
    monkeypatch.setattr(model, "load_predictor", lambda *given, **more: calls.append(given) or load(*given, **more))
    assert typed("saliency_lite0", "--data", masked(tmp_path / "data"), "--runner", "direct", "--out", "x")[0] == 0
    assert len(calls) == 1


def test_outcomes_say_by_what_they_were_written(monkeypatch):
    whole = Outcome(faults=[(3, "no picture")], repaired={"cut": Noted(2, [1, 4])}, costs=Costs(load=0.5))
    data = whole.encode()
    assert data.startswith(b"metricfit ")
    assert Outcome.decode(data) == whole
    monkeypatch.setattr(outcome, "FORMAT", 2)
    with pytest.raises(
        MetricfitError, match=r"expected an outcome by metricfit \S+ outcome 2, got metricfit \S+ outcome 1"
    ):
        Outcome.decode(data)
    with pytest.raises(MetricfitError, match="install the same version"):
        Outcome.decode(b"\x80rubbish")


def test_what_judges_otherwise_does_not_merge():
    first, second = (Outcome() for _ in range(2))
    first.merge(second)
    assert first.judge is None
    first.judge, second.judge = MapJudge(beta2=0.3), MapJudge(beta2=1.0)
    with pytest.raises(ValueError, match="must share beta2"):
        first.merge(second)


def test_faults_and_first_names_do_not_depend_on_the_order():
    parts = [Outcome(faults=[(place, "bad")], repaired={"cut": Noted(1, [place])}) for place in range(50)]
    first, second = Outcome(), Outcome()
    for part in parts:
        first.merge(Outcome.decode(part.encode()))
    for part in reversed(parts):
        second.merge(Outcome.decode(part.encode()))
    assert first == second
    assert first.repaired["cut"].times == 50
    assert first.repaired["cut"].first == list(range(20))
