"""Predictions that were interrupted, killed, or had no room left, and went on."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

import metricfit
from metricfit.app.live.options import PredictOptions
from metricfit.app.prediction import prediction as module
from metricfit.app.prediction import record
from metricfit.app.prediction.verb import predict
from metricfit.app.predictor import Predictor
from metricfit.app.tasks.base import Writer
from metricfit.trainers.errors import DataError, MetricfitError, Terminated, UsageError
from tests.soak.predictions import attempt, files_of
from tests.soak.recordings import small_disk

from ..fakes import BoxRunner, BrightnessRunner, disc, load_fake_detector, load_fake_predictor, make_video, save


@pytest.fixture(params=["saliency", "detection"])
def task(request, monkeypatch):
    """Predictions of a map and of boxes, whose lists are two files."""
    load = load_fake_predictor if request.param == "saliency" else load_fake_detector
    monkeypatch.setattr(module, "load_predictor", load)
    return request.param


@pytest.fixture
def inputs(tmp_path):
    """Pictures of equal names, one that is none, one that is mended, and two videos, one of them cut off."""
    for column in (40, 70, 100):
        save(tmp_path / f"in/{column}/x.png", disc(120, 160, column, 20))
    (tmp_path / "in/bad.jpg").write_bytes(b"broken")
    make_video(tmp_path / "in/a.mp4", frames=4)
    whole = make_video(tmp_path / "whole.avi", frames=100)
    (tmp_path / "in/b.avi").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    places = [tmp_path / "in" / name for name in ("40/x.png", "bad.jpg", "70/x.png", "100/x.png", "a.mp4", "b.avi")]
    return tuple(map(str, places))


def _options(out, inputs, **changes):
    return PredictOptions(**{"model": "some.tflite", "inputs": inputs, "out": out, "quiet": True, **changes})


def _interrupted(monkeypatch, options, after, error):
    """Predict, with an error after so many results."""
    with monkeypatch.context() as patch:
        calls, add = iter(range(after)), record.Record.add

        def failing(self, key, line):
            if next(calls, None) is None:
                raise error
            add(self, key, line)

        patch.setattr(record.Record, "add", failing)
        with pytest.raises(type(error)):
            predict(options)


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("listed", [False, True])
def test_a_file_of_somebody_elses_that_is_called_as_the_journal_stays(resume, listed, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_predictor", load_fake_predictor)
    (own := tmp_path / "results.jsonl").write_text("what took me weeks\n")
    if listed:
        (tmp_path / "results.json").write_text("{}")
        resume = True
    with pytest.raises((DataError, UsageError), match=r"is not (from an earlier prediction|a prediction's journal)"):
        predict(_options(tmp_path, (save(tmp_path / "x.png", disc(120, 160, 40, 20)),), resume=resume))
    assert own.read_text() == "what took me weeks\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Terminated(15), MetricfitError("No space left")])
@pytest.mark.parametrize("after", [1, 3, 4])
def test_what_is_done_is_listed_and_not_done_again(tmp_path, inputs, task, monkeypatch, caplog, error, after):
    with pytest.raises(DataError, match="2 of 6 files"):
        predict(_options(tmp_path / "whole", inputs))
    options = _options(tmp_path / "out", inputs)
    _interrupted(monkeypatch, options, after, error)
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert len(results["pictures"]) + len(results["videos"]) == after
    assert f"{after} of 6 are done" in caplog.text
    assert "--resume" in caplog.text
    if task == "detection":
        listed = json.loads((tmp_path / "out/detections.json").read_text())
        assert [image["file_name"] for image in listed["images"]] == [one["name"] for one in results["pictures"]]
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.jpg")}
    with pytest.raises(DataError, match="2 of 6 files"):
        predict(_options(tmp_path / "out", inputs, resume=True))
    whole, resumed = files_of(tmp_path / "whole"), files_of(tmp_path / "out")
    assert whole.keys() == resumed.keys()
    assert [name for name in whole if whole[name] != resumed[name]] == []
    done = {tmp_path / "out" / entry["files"]["overlay"] for entry in results["pictures"]}
    assert {path for path, time in times.items() if path.stat().st_mtime_ns == time} >= done


def test_a_finished_one_is_gone_on_with_when_pictures_are_added_or_changed(tmp_path, task, capsys):
    for name in "bd":
        save(tmp_path / f"in/{name}.png", disc())
    predict(_options(tmp_path / "out", (str(tmp_path / "in"),)))
    predict(_options(tmp_path / "out", (str(tmp_path / "in"),), resume=True))
    assert "; 2 of them were done before" in capsys.readouterr().out
    save(tmp_path / "in/a.png", disc())
    save(tmp_path / "in/d.png", disc(60, 80, 30, 12))
    (tmp_path / "out/overlays/b.jpg").unlink()
    predict(_options(tmp_path / "out", (str(tmp_path / "in"),), resume=True))
    assert "done before" not in capsys.readouterr().out
    predict(_options(tmp_path / "whole", (str(tmp_path / "in"),)))
    for name in ("results.json", "overlays/b.jpg", "overlays/d.jpg"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_other_settings_are_refused_with_the_difference(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_predictor", load_fake_predictor)
    save(tmp_path / "a.png", disc())
    inputs = (str(tmp_path / "a.png"),)
    predict(_options(tmp_path / "out", inputs))
    before = files_of(tmp_path / "out")
    for changes, said in (
        ({"threshold": 0.75}, "threshold 0.5 there and 0.75 now"),
        ({"objects": True}, "objects False there and True now"),
    ):
        with pytest.raises(UsageError, match=said) as caught:
            predict(_options(tmp_path / "out", inputs, resume=True, **changes))
        assert "\n" not in str(caught.value)
    predict(_options(tmp_path / "out", inputs, resume=True, threshold=0.5))
    monkeypatch.setattr(module, "load_predictor", load_fake_detector)
    with pytest.raises(UsageError, match="task saliency there and detection now"):
        predict(_options(tmp_path / "out", inputs, resume=True))
    (tmp_path / "one.tflite").write_bytes(b"1")
    (tmp_path / "moved").mkdir()
    for content, place, match in ((b"1", "moved/one.tflite", None), (b"2", "one.tflite", "another file as the model")):
        (tmp_path / place).write_bytes(content)
        first, second = (Predictor(BrightnessRunner(tmp_path / "one.tflite")) for _ in range(2))
        second.runner.path = tmp_path / place
        if match is None:
            metricfit.predict(first, list(inputs), tmp_path / "sha")
            assert metricfit.predict(second, list(inputs), tmp_path / "sha", resume=True) == []
        else:
            with pytest.raises(UsageError, match=match):
                metricfit.predict(second, list(inputs), tmp_path / "sha", resume=True)
    assert files_of(tmp_path / "out").keys() == before.keys()


def test_where_resume_finds_nothing_to_go_on_with(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(module, "load_predictor", load_fake_predictor)
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        save(tmp_path / f"{name}.png", disc())
    inputs = ("a.png", "b.png")
    predict(_options(None, inputs, resume=True))
    assert len(json.loads(Path("predictions/results.json").read_text())["pictures"]) == 2
    Path("predictions/results.jsonl").unlink()
    with pytest.raises(UsageError, match=r"without results\.jsonl, from which --resume goes on"):
        predict(_options(None, inputs, resume=True))
    _interrupted(monkeypatch, _options(None, inputs), 1, KeyboardInterrupt())
    predict(_options(None, inputs, resume=True))
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["predictions", "predictions-2"]
    _interrupted(monkeypatch, _options(Path("out"), inputs), 1, KeyboardInterrupt())
    caplog.clear()
    predict(_options(Path("out"), inputs))
    assert "out holds an unfinished prediction, which is begun anew: --resume" in caplog.text
    caplog.clear()
    predict(_options(Path("out"), inputs))
    assert "unfinished" not in caplog.text
    with pytest.raises(UsageError, match="give out as well"):
        metricfit.predict(Predictor(BrightnessRunner()), "a.png", resume=True)


def test_what_was_done_of_others_is_not_written_over(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_predictor", load_fake_predictor)
    for place, frames in (("a", 3), ("b", 5)):
        save(tmp_path / place / "x.png", disc(column=40 + 10 * frames))
        make_video(tmp_path / place / "x.mp4", frames=frames)
    first, second = ([str(tmp_path / place / name) for name in ("x.png", "x.mp4")] for place in "ab")
    predict(_options(tmp_path / "out", tuple(first)))
    before = files_of(tmp_path / "out")
    predict(_options(tmp_path / "out", tuple(second), resume=True))
    assert {name: files_of(tmp_path / "out")[name] for name in before if name != "results.json"} == {
        name: data for name, data in before.items() if name != "results.json"
    }
    found = predict(_options(tmp_path / "out", (*second, *first), resume=True))
    assert [one["files"]["mask"] for one in found["pictures"]] == ["masks/x-2.png", "masks/x.png"]
    assert [one["files"]["frames"] for one in found["videos"]] == ["videos/x-2.jsonl", "videos/x.jsonl"]
    counts = [len((tmp_path / "out" / one["files"]["frames"]).read_text().splitlines()) for one in found["videos"]]
    assert counts == [5, 3] == [one["frames"] for one in found["videos"]]


@pytest.mark.parametrize("tail", [b'{"picture": {"na', b"\x00" * 500, b'["no line of ours"]\n', b"{}"])
def test_half_a_line_at_the_end_is_dropped(tmp_path, task, monkeypatch, tail):
    for name in "abc":
        save(tmp_path / f"in/{name}.png", disc())
    inputs = (str(tmp_path / "in"),)
    predict(_options(tmp_path / "whole", inputs))
    _interrupted(monkeypatch, _options(tmp_path / "out", inputs), 2, KeyboardInterrupt())
    with (tmp_path / "out/results.jsonl").open("ab") as file:
        file.write(tail)
    predict(_options(tmp_path / "out", inputs, resume=True))
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")
    lines = (tmp_path / "out/results.jsonl").read_text().splitlines()
    assert [json.loads(line).keys() & {"settings", "key", "end"} for line in lines] == [
        {"settings"}, {"key"}, {"key"}, {"key"}, {"end"},
    ]  # fmt: skip


def test_an_interrupted_video_stays_a_part_and_is_done_anew(tmp_path, task, monkeypatch):
    video = make_video(tmp_path / "in.mp4", frames=60)
    calls, draw = iter(range(9)), Writer.objects

    class Stopping:
        def __get__(self, *_):
            if next(calls, None) is None:
                raise KeyboardInterrupt
            return draw

        def __set__(self, *_):
            pass

    options = _options(tmp_path / "out", (str(video),))
    with monkeypatch.context() as patch:
        patch.setattr(Writer, "objects", Stopping())
        with pytest.raises(KeyboardInterrupt):
            predict(options)
    folder = tmp_path / "out/videos"
    assert sorted(path.name for path in folder.iterdir()) == ["in.part.jsonl", "in.part.mp4"]
    lines = (folder / "in.part.jsonl").read_text().splitlines()
    assert [json.loads(line)["frame"] for line in lines] == list(range(len(lines)))
    assert len(lines) > 3
    predict(_options(tmp_path / "out", (str(video),), resume=True))
    assert sorted(path.name for path in folder.iterdir()) == ["in.jsonl", "in.mp4"]
    assert len((folder / "in.jsonl").read_text().splitlines()) == 60


def test_results_are_written_now_and_then(tmp_path, monkeypatch):
    monkeypatch.setattr(record, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(record, "REFRESH_TIMES", 0)
    for name in "abc":
        save(tmp_path / f"{name}.png", disc())
    found = []
    writing = record.write_results
    monkeypatch.setattr(record, "write_results", lambda *arguments: found.append(1) or writing(*arguments))
    predictor = Predictor(BrightnessRunner())
    for number, _ in enumerate(
        module.Prediction(predictor, [tmp_path], tmp_path / "out", threshold=None, threads=None, quiet=True)
    ):
        listed = json.loads((tmp_path / "out/results.json").read_text())["pictures"]
        assert len(listed) >= number, "of what was done a moment ago"
    assert len(found) == 5, "at the beginning, after each, and at the end"
    monkeypatch.undo()
    found.clear()
    monkeypatch.setattr(record, "write_results", lambda *arguments: found.append(1) or writing(*arguments))
    list(module.Prediction(predictor, [tmp_path], tmp_path / "out", threshold=None, threads=None, quiet=True))
    assert len(found) == 2, "not after each one: a growing list would be written again and again"


def test_a_killed_one_goes_on_to_the_same_files(tmp_path):
    assert attempt(tmp_path, "detection", "kill", after=7, pictures=12) == ""


@pytest.fixture
def disk():
    """A disk of 3 MB."""
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(small_disk(3))
        except OSError as error:
            pytest.skip(f"no small disk can be made here: {error}")


def test_a_full_disk_lists_what_is_done(tmp_path, disk):
    rng = np.random.default_rng(0)
    for number in range(12):
        save(tmp_path / f"in/{number:02d}.png", rng.integers(0, 256, (240, 320, 3), np.uint8))
    inputs, predictor, filler = [tmp_path / "in"], Predictor(BoxRunner()), disk / "filler"

    def fill_by_and_by():
        for number, _ in enumerate(
            module.Prediction(predictor, inputs, disk / "out", threshold=None, threads=None, quiet=True)
        ):
            if number == 3:
                with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
                    while file.write(bytes(4096)) == 4096:
                        pass

    with pytest.raises(MetricfitError, match="No space left on device"):
        fill_by_and_by()
    results = json.loads((disk / "out/results.json").read_text())
    assert len(results["pictures"]) == len(list((disk / "out/overlays").glob("[0-9]*.jpg"))) == 4
    assert len(json.loads((disk / "out/detections.json").read_text())["images"]) == 4
    filler.unlink()
    assert len(metricfit.predict(predictor, inputs, disk / "out", resume=True, quiet=True)) == 8
    metricfit.predict(predictor, inputs, tmp_path / "whole", quiet=True)
    assert files_of(disk / "out") == files_of(tmp_path / "whole")


def test_two_at_once_in_a_folder_are_refused(tmp_path):
    for name in "ab":
        save(tmp_path / f"in/{name}.png", disc())
    given = {"threshold": None, "threads": None, "quiet": True}
    first = iter(module.Prediction(Predictor(BrightnessRunner()), [tmp_path / "in"], tmp_path / "out", **given))
    next(first)
    for resume in (True, False):
        with pytest.raises(UsageError, match="is in use by process"):
            metricfit.predict(Predictor(BrightnessRunner()), tmp_path / "in", tmp_path / "out", resume=resume)
    assert len(list(first)) == 1
    assert metricfit.predict(Predictor(BrightnessRunner()), tmp_path / "in", tmp_path / "out", resume=True) == []
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]
