"""`labelme:PATH[:SPLIT]`: rectangles, outlines, groups, and where the picture is."""

import base64
import json

import numpy as np
import pytest

from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.sources.boxes.labelme import OTHER_SHAPE
from metricfit.trainers.errors import DataError

from .trees import CLASSES, check, picture, shapes, write


def boxes(text):
    return open_source(text, needs="boxes")


@pytest.mark.parametrize("kind", ["rectangle", "polygon"])
def test_files_beside_their_pictures(tmp_path, kind):
    for stem in "abcd":
        picture(tmp_path / f"{stem}.jpg", stem)
        write(tmp_path / f"{stem}.json", shapes(stem, f"{stem}.jpg", kind))
    for text in (f"labelme:{tmp_path}", str(tmp_path)):
        check(boxes(text), "abcd")
    assert "4 JSON files of labelme (labelme)" in boxes(str(tmp_path)).recognised[0]
    assert scan(boxes(str(tmp_path)), quiet=True).faults == []
    assert len(open_source(f"labelme:{tmp_path}", needs="none")) == 4


def test_files_in_another_folder(tmp_path):
    for stem in "abd":
        picture(tmp_path / f"images/{stem}.jpg", stem)
        # As written on Windows; the last one was moved since.
        write(tmp_path / f"labels/{stem}.json", shapes(stem, f"..\\images\\{stem}.jpg" if stem != "d" else "d.jpg"))
    check(boxes(f"labelme:{tmp_path}"), "abd")


def test_parts(tmp_path):
    for part, stems in (("train", "ab"), ("test", "d")):
        for stem in stems:
            picture(tmp_path / part / f"{stem}.jpg", stem)
            write(tmp_path / part / f"{stem}.json", shapes(stem, f"{stem}.jpg"))
    check(boxes(f"labelme:{tmp_path}:train"), "ab")
    with pytest.raises(DataError, match="has the parts test, train: name one"):
        boxes(f"labelme:{tmp_path}")


def test_a_picture_may_be_in_its_file_alone(tmp_path):
    data = base64.b64encode(picture(tmp_path / "other/a.png", "a").read_bytes()).decode()
    write(tmp_path / "set/a.json", shapes("a", "a.png", data=data))
    check(boxes(f"labelme:{tmp_path / 'set'}"), "a")


def test_other_shapes(tmp_path):
    picture(tmp_path / "d.jpg", "d")
    content = json.loads(shapes("d", "d.jpg"))

    def shape(label, kind, points, group=None):
        return {"label": label, "shape_type": kind, "points": points, "group_id": group}

    content["shapes"] = [
        shape("cat", "polygon", [[2, 3], [8, 5], [4, 9]], 7),
        shape("dog", "circle", [[20, 20], [23, 24]]),
        shape("cat", "rectangle", [[30, 12], [12, 30]], 7),
        shape("dog", "point", [[1, 1]]),
        shape("dog", "linestrip", [[1, 1], [2, 2]]),
    ]
    write(tmp_path / "d.json", json.dumps(content))
    example = boxes(f"labelme:{tmp_path}").load(0)
    np.testing.assert_allclose(example.boxes, [[2, 3, 30, 30], [15, 15, 25, 25]])
    assert [CLASSES[kind] for kind in example.classes] == ["cat", "dog"]
    assert example.repairs == (OTHER_SHAPE,) * 2


def test_faults(tmp_path):
    for stem in "abcd":
        picture(tmp_path / f"{stem}.jpg", stem)
    write(tmp_path / "a.json", shapes("a", "a.jpg").replace('"label": "cat"', '"label": " "'))
    write(tmp_path / "b.json", shapes("b", "b.jpg").replace('"rectangle"', '"polygon"').replace("[0, 0]", '["x"]'))
    write(tmp_path / "d.json", shapes("a", "d.jpg"))
    write(tmp_path / "e.json", shapes("d", "e.jpg"))
    faults = dict(scan(boxes(f"labelme:{tmp_path}"), quiet=True).faults)
    assert faults.keys() == {"a", "b", "c.jpg", "d", "e"}
    assert "shape 1 of" in faults["a"]
    assert "has no label" in faults["a"]
    assert "has the points" in faults["b"]
    assert "c.jpg has no annotation file c.json" in faults["c.jpg"]
    assert "is for a picture of 40x32" in faults["d"]
    assert "the picture of" in faults["e"]
    assert "(e.jpg) is neither there nor in the file" in faults["e"]
