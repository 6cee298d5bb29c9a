"""Predictions in parts, done in any order, against `metricfit predict` in one process: the same bytes."""

import json
import random
from pathlib import Path

import pytest

import metricfit
from metricfit.app import cli
from metricfit.app.beam import predicting
from metricfit.app.beam.prediction import predict_part
from metricfit.app.prediction.checks import PARTS
from metricfit.trainers.errors import DataError, MetricfitError, UsageError
from metricfit.trainers.locking import FolderLock

from ..fakes import disc, make_video, save
from .data import boxed


@pytest.fixture
def predict(tmp_path, capsys, monkeypatch):
    """Types `metricfit predict`; a runner does the parts here, in an order of its own, and those of `skipped` not."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predicting, "check_runner", lambda runner, told: None)

    def in_any_order(self, notes):
        parts = list(self._work.places.parts())
        random.Random(3).shuffle(parts)
        for part in parts[run.skipped :]:
            run.done += predict_part(self._work, *part)
        if run.skipped:
            raise MetricfitError("the cluster burnt down")

    monkeypatch.setattr(predicting.RunnerPrediction, "_run", in_any_order)

    def run(*arguments):
        run.done = 0
        code = cli.main(["predict", *map(str, arguments), "--quiet"])
        told = capsys.readouterr()
        return code, told.out + told.err

    run.skipped = run.done = 0
    return run


def files(folder: Path) -> dict[str, bytes]:
    """All files but the journal of one process, and the lists of parts."""
    found = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if name != "results.jsonl" and PARTS not in Path(name).parts}


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def pictures(tmp_path):
    """Some of equal names, one that is none."""
    for column in (40, 70, 100):
        save(tmp_path / f"in/{column}/x.png", disc(60, 160, column, 20))
    (tmp_path / "in/40/a.jpg").write_bytes(b"broken")
    return ["in/40", "in/70/x.png", "in/100"]


def test_saliency_with_a_bad_picture_is_that_of_one_process(predict, pictures):
    one = predict("saliency_lite0", *pictures, "--out", "one")
    many = predict(
        "saliency_lite0", *pictures, "--out", "many", "--runner", "direct", "--objects", "--threshold", "0.4"
    )
    assert one[0] == many[0] == 3
    assert "1 of 4 pictures could not be read, the others were done:\n  in/40/a.jpg" in many[1]
    assert "3 of 4 pictures with model_int8.tflite, threshold 0.40, on direct" in many[1]
    one = predict("saliency_lite0", *pictures, "--out", "one", "--objects", "--threshold", "0.4")
    expected, found = files(Path("one")), files(Path("many"))
    errors = found.pop("errors.jsonl")
    assert json.loads(errors)["name"] == "in/40/a.jpg"
    assert found.keys() == expected.keys()
    assert len(found) == 1 + 3 * 4
    assert all(found[name] == expected[name] for name in expected)
    # The lines of the parts are those of the journal.
    journal = [line for line in lines(Path("one/results.jsonl")) if "picture" in line]
    shards = [line for path in sorted(Path("many", PARTS).iterdir()) for line in lines(path)[1:]]
    assert [line for line in shards if "picture" in line] == journal
    assert [line["failure"]["name"] for line in shards if "failure" in line] == ["in/40/a.jpg"]


def test_detection_has_the_same_lists(predict, tmp_path):
    data = boxed(tmp_path / "data")
    assert predict("detection_bccd", data, "--out", "one")[0] == 0
    code, told = predict("detection_bccd", data, "--out", "many", "--runner", "direct")
    assert code == 0
    assert "detections.json" in told
    expected, found = files(Path("one")), files(Path("many"))
    assert "detections.json" in found
    assert found == expected


def test_an_interrupted_one_goes_on_with_what_has_changed_and_was_not_done(predict, pictures):
    predict.skipped = 2
    arguments = ("saliency_lite0", *pictures, "--out", "many", "--runner", "direct")
    code, told = predict(*arguments)
    assert (code, predict.done) == (1, 2)
    assert "the cluster burnt down" in told
    predict.skipped = 0
    code, told = predict(*arguments, "--resume", "--threshold", "0.9")
    assert code == 2
    assert "begun otherwise (threshold" in told
    assert predict(*arguments, "--resume")[0] == 3
    assert predict.done == 2, "what was done is done again"
    # Done again are what has changed, what has lost its files, and what has failed.
    save(Path("in/70/x.png"), disc(60, 160, 50, 25))
    Path("many/masks/x.png").unlink()
    assert predict(*arguments, "--resume")[0] == 3
    assert predict.done == 3
    predict("saliency_lite0", *pictures, "--out", "one")
    expected, found = files(Path("one")), files(Path("many"))
    found.pop("errors.jsonl")
    assert found == expected
    # Begun anew, nothing of before is taken over.
    assert predict(*arguments)[0] == 3
    assert predict.done == 4


def test_lists_of_other_pictures_are_not_gone_on_with(predict, pictures):
    common = ["--out", "many", "--runner", "direct", "--resume"]
    for number in range(2):
        save(Path(f"in/a/{number}.png"), disc(60, 160, 40, 20))
    save(Path("in/b/1.png"), disc(60, 160, 100, 20))
    assert predict("saliency_lite0", "in/a", *common[:-1])[0] == 0
    before = files(Path("many"))
    assert predict("saliency_lite0", "in/b", *common)[0] == 0  # writes over the files of in/a/1.png
    assert files(Path("many"))["masks/1.png"] != before["masks/1.png"]
    assert predict("saliency_lite0", "in/a", *common)[0] == 0
    assert files(Path("many")) == before


def test_a_folder_in_which_somebody_works_is_refused(predict, pictures):
    with FolderLock("many") as lock:
        lock.acquire()
        code, told = predict("saliency_lite0", *pictures, "--out", "many", "--runner", "direct")
    assert code == 2
    assert "many is in use by process" in told
    assert not list(Path("many").iterdir())


def test_a_folder_is_of_one_process_or_of_a_runner(predict, pictures, tmp_path):
    picture = pictures[1]
    assert predict("saliency_lite0", picture, "--out", "one")[0] == 0
    code, told = predict("saliency_lite0", picture, "--out", "one", "--runner", "direct")
    assert code == 2
    assert "one holds a prediction by one process: leave --runner out" in told
    assert predict("saliency_lite0", picture, "--out", "many", "--runner", "direct")[0] == 0
    code, told = predict("saliency_lite0", picture, "--out", "many")
    assert code == 2
    assert "many holds a prediction by a runner, in parts: give --runner" in told
    code, told = predict("saliency_lite0", picture, "--out", "new", "--runner", "direct", "--resume")
    assert code == 2
    assert "new holds no prediction by a runner" in told
    save(tmp_path / "own/masks/mine.png", disc())
    code, told = predict("saliency_lite0", picture, "--out", "own", "--runner", "direct")
    assert code == 2
    assert "own/masks holds files that are not from an earlier prediction" in told


def test_what_workers_cannot_have_is_refused(predict, pictures, tmp_path):
    video = make_video(tmp_path / "in/clip.mp4", frames=2)
    code, told = predict("saliency_lite0", pictures[1], video, "--out", "x", "--runner", "direct")
    assert code == 2
    assert "clip.mp4 is a video, which one process predicts" in told
    code, told = predict("saliency_lite0", pictures[1], "--out", "gs://bucket/x", "--runner", "direct")
    assert code == 2
    assert "must be a folder that all workers reach by this path" in told
    assert not Path("x").exists()
    for model, given, out, said in (
        ("saliency_lite0", disc(), "x", "workers read the pictures from their files"),
        ("saliency_lite0", pictures[1], None, "give out as well with a runner"),
        (metricfit.load("saliency_lite0"), pictures[1], "x", "workers load the model from its file"),
    ):
        with pytest.raises(UsageError, match=said):
            metricfit.predict(model, given, out, runner="direct")
    with pytest.raises(UsageError, match="a=1 is for a runner"):
        metricfit.predict("saliency_lite0", pictures[1], runner_options=["a=1"])


def test_a_list_that_is_cut_is_not_taken_for_whole(predict, pictures):
    arguments = ("saliency_lite0", pictures[1], pictures[2], "--out", "many", "--runner", "direct")
    assert predict(*arguments)[0] == 0
    first = sorted(Path("many", PARTS).iterdir())[0]
    whole = first.read_text()
    for damaged, said in (
        (whole[:-20], "cannot be read"),
        (whole.splitlines()[0] + "\n", "has 0 pictures, expected 1"),
    ):
        first.write_text(damaged)
        places = predicting.Places.of(["in/70/x.png", "in/100/x.png"])
        with pytest.raises(DataError, match=said):
            list(predicting.lines_of(Path("many"), places))
