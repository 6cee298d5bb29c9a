"""Files of which each may be what somebody's folder holds: none stops the others, and results.json names it."""

import json
import os
import socket
import struct

import numpy as np
import pytest
from PIL import Image

from metricfit.app.prediction import prediction as module
from metricfit.app.prediction.verb import predict
from metricfit.app.show import inputs as inputs_module
from metricfit.app.show.inputs import find_pictures
from metricfit.app.show.stems import LONGEST, unique_stems
from metricfit.trainers.errors import DataError, UsageError

from ..fakes import disc, load_fake_detector, make_video, save
from .settings import options_for

pytestmark = pytest.mark.usefixtures("bright")

EMPTY_BMP = b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 0, 0, 1, 24, 0, 0, 0, 0, 0, 0)


def _predicted(tmp_path, *inputs):
    """Predict, and give results.json, which must be UTF-8 in any case."""
    with pytest.raises(DataError) as caught:
        predict(options_for(tmp_path, *inputs))
    return json.loads((tmp_path / "out/results.json").read_bytes().decode("utf-8")), str(caught.value)


def _bad(place, monkeypatch):
    """Make bad files of every kind; gives what is said of each."""
    save(place / "wide.png", np.zeros((2, 70_000, 3), np.uint8))
    (place / "empty.png").write_bytes(b"")
    (place / "zero.bmp").write_bytes(EMPTY_BMP)
    os.mkfifo(place / "pipe.png")
    (place / "folder.jpg").mkdir()
    (place / "link.png").symlink_to("nowhere")
    (place / "circle.png").symlink_to("circle.png")
    with socket.socket(socket.AF_UNIX) as server, monkeypatch.context() as patch:
        patch.chdir(place)  # the path of a socket must be short
        server.bind("socket.png")
    for name in ("gone.png", "secret.png", "damaged.avif", "hollow.png", "huge.png"):
        save(place / f"{name}.png", disc()).rename(place / name)
    read = inputs_module.read_image

    def reading(path, **settings):
        if path.name == "gone.png":
            path.unlink()
        if path.name == "secret.png":
            raise PermissionError(13, "Permission denied", str(path))
        if path.name == "damaged.avif":
            raise RuntimeError("Failed to decode image: BMFF parsing failed")
        if path.name == "huge.png":
            raise MemoryError
        return np.zeros((0, 0, 3), np.uint8) if path.name == "hollow.png" else read(path, **settings)

    monkeypatch.setattr(inputs_module, "read_image", reading)
    return {
        "wide.png": "70000x2 cannot be encoded",
        "empty.png": "it is empty",
        "zero.bmp": "cannot be read as an image",
        "pipe.png": "is a pipe",
        "folder.jpg": "folder",
        "link.png": "is a link to nowhere",
        "circle.png": "levels of symbolic links",
        "socket.png": "is a socket",
        "gone.png": "no image at",
        "secret.png": "Permission denied",
        "damaged.avif": "BMFF parsing failed",
        "hollow.png": "is 0x0 pixels",
        "huge.png": "MemoryError",
    }


@pytest.mark.parametrize("given", ["folder", "names", "pattern"])
def test_a_bad_file_never_stops_the_others(tmp_path, monkeypatch, given):
    (tmp_path / "in").mkdir()
    said = _bad(tmp_path / "in", monkeypatch)
    for name in ("a.png", "z.png"):
        save(tmp_path / "in" / name, disc())
    names = sorted((tmp_path / "in").iterdir())
    results, told = _predicted(
        tmp_path, *{"folder": [tmp_path / "in"], "names": names, "pattern": [tmp_path / "in/*"]}[given]
    )
    assert [entry["name"].rpartition("/")[2] for entry in results["pictures"]] == ["a.png", "z.png"]
    failures = {failure["name"].rpartition("/")[2]: failure["error"] for failure in results["failures"]}
    assert failures.keys() == said.keys()
    for name, reason in said.items():
        assert reason in failures[name]
        assert name in failures[name]
    assert len(told.splitlines()) == 1 + len(said)
    assert told.startswith(f"{len(said)} of {2 + len(said)} pictures could not be read, the others were done")


def test_names_that_are_no_text_or_long_are_kept_and_their_files_called_otherwise(tmp_path, capfd):
    (tmp_path / "in").mkdir()
    names = [
        b"a" * 246 + b".png",
        b"a" * 245 + b"b.png",
        "ä".encode() * 124 + b".jpg",
        b"caf\xe9.png",
        b"caf_.png",
        b"two\nlines.png",
    ]
    picture = save(tmp_path / "one.png", disc()).read_bytes()
    for name in (*names, b"bad\xe9\n.png"):
        (tmp_path / "in" / os.fsdecode(name)).write_bytes(b"broken" if name.startswith(b"bad") else picture)
    results, told = _predicted(tmp_path, tmp_path / "in")
    found = {os.fsencode(entry["name"].rpartition("/")[2]): entry["files"] for entry in results["pictures"]}
    assert found.keys() == set(names)
    masks = [files["mask"] for files in found.values()]
    assert len(set(masks)) == len(names)
    for mask in masks:
        assert np.asarray(Image.open(tmp_path / "out" / mask)).shape == (120, 160)
        assert len(mask.removeprefix("masks/").encode("utf-8")) <= LONGEST + 8
        assert mask.isprintable()
    assert found[b"caf_.png"]["mask"] == "masks/caf_.png" != found[b"caf\xe9.png"]["mask"]
    assert "the files of 6 pictures have other names, as results.json says" in capfd.readouterr().out
    assert os.fsencode(results["failures"][0]["name"]).endswith(b"bad\xe9\n.png")
    assert "bad\\udce9\\n.png" in told


def test_boxes_of_pictures_whose_names_are_no_text_are_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_predictor", load_fake_detector)
    picture = save(tmp_path / "one.png", disc()).read_bytes()
    place = tmp_path / os.fsdecode(b"caf\xe9.png")
    place.write_bytes(picture)
    predict(options_for(tmp_path, place))
    listed = json.loads((tmp_path / "out/detections.json").read_bytes().decode("utf-8"))
    assert os.fsencode(listed["images"][0]["file_name"]) == os.fsencode(place)


def test_a_video_whose_name_is_no_text_or_long(tmp_path):
    make_video(tmp_path / "one.mp4", frames=3)
    names = [b"a" * 246 + b".mp4", b"caf\xe9.mp4", b"two\nlines.mp4"]
    for name in names:
        (tmp_path / os.fsdecode(name)).write_bytes((tmp_path / "one.mp4").read_bytes())
    videos = [tmp_path / os.fsdecode(name) for name in names]
    predict(options_for(tmp_path, *videos))
    results = json.loads((tmp_path / "out/results.json").read_bytes().decode("utf-8"))
    assert [os.fsencode(clip["name"]) for clip in results["videos"]] == [os.fsencode(path) for path in videos]
    assert [clip["frames"] for clip in results["videos"]] == [3, 3, 3]
    for clip in results["videos"]:
        assert all((tmp_path / "out" / file).is_file() for file in clip["files"].values())


def test_what_is_no_slip_is_refused_at_once(tmp_path):
    save(tmp_path / "a.png", disc())
    for slip in ("photso", "photso/*.png"):
        with pytest.raises(UsageError):
            predict(options_for(tmp_path, tmp_path / "a.png", slip))
    assert not (tmp_path / "out").exists()
    results, _ = _predicted(tmp_path, tmp_path / "a.png", tmp_path / "gone.png")
    assert results["failures"][0]["error"] == f"no picture at {tmp_path / 'gone.png'}: check the path"


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    save(tmp_path / "a.png", disc())
    files = inputs_module._files

    def refusing(text, **settings):
        if text == "secret":
            raise PermissionError(13, "Permission denied", text)
        return files(text, **settings)

    monkeypatch.setattr(inputs_module, "_files", refusing)
    results, _ = _predicted(tmp_path, tmp_path / "a.png", "secret")
    assert "secret cannot be looked at (Permission denied)" in results["failures"][0]["error"]
    with pytest.raises(DataError, match="secret cannot be looked at"):
        find_pictures(["secret"])


def test_many_equal_names_take_no_time_of_their_square():
    names = [f"{number}/x.png" for number in range(20_000)]
    stems = unique_stems(names)
    assert (stems[:2], stems[-1], len(set(stems))) == (["x", "x-2"], "x-20000", len(names))
    assert unique_stems(["a/x.png", "b/x.png", "c/x.png"], {2: "x-2"}) == ["x", "x-3", "x-2"]
