"""Files and results.json of a prediction, read back with Pillow and json."""

import json

import cv2
import numpy as np
import pytest
from PIL import Image

from metricfit.app import cli
from metricfit.app.live.options import PredictOptions
from metricfit.app.prediction.verb import predict, predict_files
from metricfit.app.show.facts import describe
from metricfit.app.tasks.base import Writer
from metricfit.trainers.errors import DataError, UsageError

from ..fakes import BrightnessRunner, disc, save
from .settings import options_for

pytestmark = pytest.mark.usefixtures("bright")


def test_every_picture_gets_its_files_and_its_entry(tmp_path):
    save(tmp_path / "in/a.png", disc(120, 160, 50, 20))
    save(tmp_path / "in/b.png", disc(90, 60, 30, 15))
    assert predict_files(options_for(tmp_path, tmp_path / "in")) == 0
    out = tmp_path / "out"
    results = json.loads((out / "results.json").read_text())
    assert (results["model"], results["threshold"], results["card"]) == ("bright.tflite", 0.5, None)
    assert results["failures"] == []
    entry = results["pictures"][0]
    assert entry["name"].endswith("in/a.png")
    assert (entry["width"], entry["height"]) == (160, 120)
    np.testing.assert_allclose(entry["bounding_box"], [30, 40, 71, 81], atol=2)
    assert entry["salient_share"] == pytest.approx(np.pi * 20**2 / (120 * 160), rel=0.05)
    mask = np.asarray(Image.open(out / entry["files"]["mask"]))
    assert mask.shape == (120, 160)
    assert set(np.unique(mask)) == {0, 255}
    assert mask[60, 50] == 255
    assert (mask == 255).mean() == pytest.approx(entry["salient_share"], abs=1e-6)
    saliency = np.asarray(Image.open(out / entry["files"]["saliency"]))
    # The stored map has 8 bits: only pixels within one step of the threshold may differ.
    differs = (saliency >= 127.5) != (mask == 255)
    assert np.abs(saliency[differs].astype(float) - 127.5).max(initial=0) <= 1
    cutout = Image.open(out / entry["files"]["cutout"])
    assert cutout.mode == "RGBA"
    assert np.asarray(cutout)[60, 50].tolist() == [255, 255, 255, 255]
    assert np.asarray(cutout)[5, 5, 3] == 0
    assert Image.open(out / entry["files"]["overlay"]).size == (160, 120)
    assert len([path for path in out.rglob("*") if path.is_file()]) == 2 * 4 + 2


def test_an_interrupted_prediction_can_be_repeated(tmp_path, monkeypatch):
    for name in "ab":
        save(tmp_path / f"in/{name}.png", disc())
    one = Writer.add
    calls = iter([one])

    def interrupted(*arguments):
        if (call := next(calls, None)) is None:
            raise KeyboardInterrupt
        return call(*arguments)

    monkeypatch.setattr(Writer, "add", interrupted)
    with pytest.raises(KeyboardInterrupt):
        predict(options_for(tmp_path, tmp_path / "in"))
    monkeypatch.setattr(Writer, "add", one)
    assert len(predict(options_for(tmp_path, tmp_path / "in"))["pictures"]) == 2


def test_equal_names_do_not_overwrite_each_other(tmp_path):
    for column, folder in ((30, "a"), (120, "b")):
        save(tmp_path / folder / "x.png", disc(120, 160, column, 20))
    results = predict(options_for(tmp_path, tmp_path / "a", tmp_path / "b"))
    masks = [tmp_path / "out" / entry["files"]["mask"] for entry in results["pictures"]]
    assert [path.name for path in masks] == ["x.png", "x-2.png"]
    assert cv2.imread(str(masks[0]))[60, 30, 0] == 255
    assert cv2.imread(str(masks[1]))[60, 120, 0] == 255


def test_unreadable_pictures_are_named_and_the_others_done(tmp_path):
    save(tmp_path / "in/a.png", disc())
    (tmp_path / "in/broken.jpg").write_bytes(b"\xff\xd8\xff broken")
    save(tmp_path / "in/c.png", disc())
    with pytest.raises(DataError, match=r"1 of 3 pictures.*\n.*broken\.jpg") as caught:
        predict_files(options_for(tmp_path, tmp_path / "in"))
    assert caught.value.exit_code == 3
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert [entry["name"][-5:] for entry in results["pictures"]] == ["a.png", "c.png"]
    assert results["failures"][0]["name"].endswith("broken.jpg")
    assert (tmp_path / "out/masks/c.png").is_file()


def test_only_unreadable_pictures_are_not_called_others(tmp_path, capsys):
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(b"broken")
    with pytest.raises(DataError) as caught:
        predict(options_for(tmp_path, tmp_path / "a.png", quiet=False))
    assert "a.png" in str(caught.value)
    assert "others" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "out").exists(), "a refusal leaves nothing behind"
    with pytest.raises(DataError, match=r"^none of the 2 pictures could be read:\n.*a\.png.*\n.*b\.png"):
        predict(options_for(tmp_path, tmp_path / "a.png", tmp_path / "b.png"))


def test_the_default_threshold_is_named(tmp_path, capsys, monkeypatch):
    save(tmp_path / "a.png", disc())
    predict(options_for(tmp_path, tmp_path / "a.png", quiet=False))
    assert capsys.readouterr().out.splitlines()[0] == "1 of 1 pictures with bright.tflite, threshold 0.50"
    monkeypatch.setattr(BrightnessRunner, "threshold_origin", "default")
    predict(options_for(tmp_path, tmp_path / "a.png", quiet=False))
    assert "threshold 0.50 (the default: " in capsys.readouterr().out


def test_help_shows_the_inputs_as_required(capsys):
    with pytest.raises(SystemExit):
        cli.main(["predict", "--help"])
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "(default: )" not in shown
    assert "INPUT..." in shown
    assert "(required" in shown.partition("INPUT...")[2]


def test_nothing_found_has_no_box(tmp_path):
    save(tmp_path / "dark.png", np.zeros((40, 50, 3), np.uint8))
    entry = predict(options_for(tmp_path, tmp_path / "dark.png"))["pictures"][0]
    assert entry["bounding_box"] is None
    assert entry["salient_share"] == 0
    mask = np.zeros((6, 8), np.uint8)
    mask[2:5, 3:] = 255
    assert describe(mask) == {"salient_share": 0.3125, "bounding_box": [3, 2, 8, 5]}


def test_a_threshold_that_is_given_is_used(tmp_path):
    save(tmp_path / "grey.png", np.full((40, 50, 3), 100, np.uint8))
    shares = []
    for threshold in (0.3, 0.5):
        results = predict(options_for(tmp_path, tmp_path / "grey.png", threshold=threshold))
        assert results["threshold"] == threshold
        shares.append(results["pictures"][0]["salient_share"])
    assert shares == [1.0, 0.0]


def test_the_masks_of_a_data_folder_are_safe(tmp_path):
    save(tmp_path / "data/images/a.png", disc())
    mask = save(tmp_path / "data/masks/a.png", np.full((120, 160, 3), 7, np.uint8))
    before = mask.read_bytes()
    with pytest.raises(UsageError, match="choose another --out"):
        predict(options_for(tmp_path, tmp_path / "data", out=tmp_path / "data"))
    assert mask.read_bytes() == before


def test_sources_and_usage(tmp_path, capsys):
    with pytest.raises(UsageError, match="at least one picture"):
        predict(options_for(tmp_path))
    (tmp_path / "file").write_text("")
    save(tmp_path / "a.png", disc())
    with pytest.raises(UsageError, match="is a file"):
        predict(options_for(tmp_path, tmp_path / "a.png", out=tmp_path / "file"))
    predict(options_for(tmp_path, tmp_path / "a.png", quiet=False))
    assert f"made  {tmp_path / 'out/results.json'}" in capsys.readouterr().out.splitlines()


def test_what_was_mended_and_what_is_not_read_is_said(tmp_path, caplog):
    for number in range(5):
        Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)).save(tmp_path / f"{number}.tif")
    save(tmp_path / "a.png", disc(20, 20, 10, 5))
    (tmp_path / "b.NEF").write_bytes(b"x")
    with caplog.at_level("WARNING", "metricfit"):
        predict(options_for(tmp_path, tmp_path))
        predict(options_for(tmp_path, tmp_path / "*", out=tmp_path / "out2"))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 4
    for passed, repaired in (lines[:2], lines[2:]):
        assert "1 file is not read" in passed
        assert "b.NEF (raw photos" in passed
        assert repaired.startswith("repaired: 12 bits stored in 16, brought to the full range (5 of 6 pictures: ")


def _refused(error, *arguments, match):
    with pytest.raises(error, match=match) as caught:
        predict(options_for(*arguments))
    assert "\n" not in str(caught.value)


def test_model_and_picture_in_the_wrong_order_are_recognised(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "my photo.png", disc())
    for inputs, model, meant in (
        (("saliency_lite0",), "my photo.png", r"predict saliency_lite0 'my photo\.png'\?"),
        (("b.png", "saliency_mobile"), "photos", r"predict saliency_mobile photos b\.png\?"),
        (("b.png",), "my photo.png", r"predict saliency_lite0 'my photo\.png' b\.png\?"),
        (("b.png",), "clip.MOV", r"predict saliency_lite0 clip\.MOV b\.png\?"),
    ):
        with pytest.raises(UsageError, match=f"did you mean metricfit {meant}"):
            predict(options_for(tmp_path, *inputs, model=model))
    assert not (tmp_path / "out").exists()


def test_the_default_folder_is_a_fresh_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.png", disc())
    for folder in ("predictions", "predictions-2"):
        predict(options_for(tmp_path, "a.png", out=None, quiet=False))
        assert f"made  {folder}/results.json" in capsys.readouterr().out.splitlines()
        assert (tmp_path / folder / "masks/a.png").is_file()
    with pytest.raises(UsageError):
        predict(options_for(tmp_path, "missing.png", out=None))
    assert not (tmp_path / "predictions-3").exists()


def test_what_results_no_longer_list_is_said(tmp_path, capsys):
    for name in ("a", "b"):
        save(tmp_path / f"{name}.png", disc())
        predict(options_for(tmp_path, tmp_path / f"{name}.png", quiet=False))
        told = capsys.readouterr().out
        assert ("listed 1 others before" in told) == (name == "b")
    predict(options_for(tmp_path, tmp_path / "b.png", quiet=False))
    assert "before" not in capsys.readouterr().out, "the same again replaces itself"


def test_o_is_out():
    options = cli._read_options("predict", PredictOptions, ["saliency_lite0", "a.png", "-o", "there", "--objects"])
    assert (str(options.out), options.objects, options.inputs) == ("there", True, ("a.png",))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_list_of_files_is_read(tmp_path, encoding, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "sets/möwe.png", disc())
    save(tmp_path / "here.png", disc())
    (tmp_path / "sets/all.txt").write_bytes("möwe.png\r\n\r\nhere.png\r\n".encode(encoding))
    names = [entry["name"] for entry in predict(options_for(tmp_path, "sets/all.txt"))["pictures"]]
    assert names == ["sets/möwe.png", "here.png"]
    (tmp_path / "sets/all.txt").write_text("möwe.png\nnone.png\n")
    _refused(DataError, tmp_path, "sets/all.txt", match=r"1 of its 2 lines name none.*none\.png")
    (tmp_path / "empty.txt").write_text("\n")
    _refused(DataError, tmp_path, "empty.txt", match="is empty")


def test_what_a_pattern_takes_along_is_named_and_the_rest_done(tmp_path):
    save(tmp_path / "in/a.png", disc())
    (tmp_path / "in/notes.txt").write_text("buy milk")
    (tmp_path / "in/empty").mkdir()
    with pytest.raises(DataError, match=r"2 of 3 pictures.*\n.*empty.*\n.*notes\.txt is taken as a list"):
        predict(options_for(tmp_path, *sorted((tmp_path / "in").iterdir())))
    assert (tmp_path / "out/masks/a.png").is_file()
    predict(options_for(tmp_path, f"{tmp_path}/in/*", out=tmp_path / "quoted"))
    assert (tmp_path / "quoted/masks/a.png").is_file()


def test_a_folder_as_a_source_is_taken(tmp_path):
    save(tmp_path / "data/images/a.png", disc())
    save(tmp_path / "data/images/b.png", disc())
    (tmp_path / "data/val.txt").write_text("b\n")
    results = predict(options_for(tmp_path, f"folder:{tmp_path}/data:val"))
    assert [entry["name"] for entry in results["pictures"]] == ["b"]


def test_objects_are_in_the_results_and_framed_when_asked(tmp_path):
    picture = disc(120, 200, 50, 25)
    picture[60:100, 140:180] = 255
    save(tmp_path / "a.png", picture)
    results = predict(options_for(tmp_path, tmp_path / "a.png"))
    assert results["smallest_object"] == 0.001
    objects = results["pictures"][0]["objects"]
    np.testing.assert_allclose([one["box"] for one in objects], [[25, 35, 76, 86], [140, 60, 180, 100]], atol=3)
    assert objects[1]["share"] == pytest.approx(1600 / 24000, rel=0.1)
    predict(options_for(tmp_path, tmp_path / "a.png", out=tmp_path / "framed", objects=True))
    for file, same in (("masks/a.png", True), ("cutouts/a.png", True), ("overlays/a.jpg", False)):
        assert ((tmp_path / "out" / file).read_bytes() == (tmp_path / "framed" / file).read_bytes()) == same


def test_pictures_of_a_source_keep_their_transparency(tmp_path):
    picture = np.dstack([disc(), np.zeros((120, 160), np.uint8)])
    picture[40:80, 60:100, 3] = 255
    (tmp_path / "data/images").mkdir(parents=True)
    Image.fromarray(picture).save(tmp_path / "data/images/a.png")
    for number, given in enumerate((f"folder:{tmp_path}/data", f"{tmp_path}/data", f"{tmp_path}/data/images/*.png")):
        predict(options_for(tmp_path, given, out=tmp_path / f"out{number}"))
        cut = np.asarray(Image.open(tmp_path / f"out{number}/cutouts/a.png"))
        np.testing.assert_array_equal(cut[..., 3], picture[..., 3])
