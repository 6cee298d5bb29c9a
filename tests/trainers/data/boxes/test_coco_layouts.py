"""`coco:PATH[:SPLIT]`: a folder in which pictures and COCO's JSON files are found."""

import json

import numpy as np
import pytest

from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import DataError

from .trees import check, coco, picture, write


def boxes(text):
    return open_source(text, needs="boxes")


def pictures(folder, stems):
    for stem in stems:
        picture(folder / f"{stem}.jpg", stem)


def named(stems):
    return [f"{stem}.jpg" for stem in stems]


def roboflow(root):
    """Each part with its pictures and its file; the first category is a heading of the others."""
    for part, stems in (("train", "ab"), ("valid", "c"), ("test", "d")):
        pictures(root / part, stems)
        content = json.loads(coco(stems))
        for category in content["categories"]:
            category["supercategory"] = "animals"
        content["categories"].insert(0, {"id": 0, "name": "animals", "supercategory": "none"})
        write(root / part / "_annotations.coco.json", json.dumps(content))


def test_roboflow(tmp_path):
    roboflow(tmp_path)
    for text in (f"coco:{tmp_path}:train", f"{tmp_path}:train"):
        check(boxes(text), "ab", named("ab"))
    for text in (f"coco:{tmp_path}:valid", f"{tmp_path}:val"):
        check(boxes(text), "c", named("c"))
    source = boxes(f"coco:{tmp_path}:test")
    assert source.notes == ("the category animals is a heading of the others and has no box: it is no class",)
    assert scan(source, quiet=True).faults == []
    with pytest.raises(DataError, match=r"has the parts test, train, valid.*: name one, "):
        boxes(f"coco:{tmp_path}")


def test_as_coco_itself(tmp_path):
    pictures(tmp_path / "train2017", "abd")
    pictures(tmp_path / "val2017", "c")
    write(tmp_path / "annotations/instances_train2017.json", coco("abd"))
    write(tmp_path / "annotations/instances_val2017.json", coco("c"))
    write(tmp_path / "annotations/other.json", '{"a": 1}')
    for split in ("train", "train2017"):
        check(boxes(f"coco:{tmp_path}:{split}"), "abd", named("abd"))
    check(boxes(f"{tmp_path}:val"), "c", named("c"))


@pytest.mark.parametrize(
    ("images", "file", "file_name"),
    [
        ("images", "annotations/instances_default.json", "{}.jpg"),
        ("images", "result.json", "images/{}.jpg"),
        ("", "anything.json", "{}.jpg"),
        ("photos", "labels.json", "{}.jpg"),
    ],
    ids=["cvat", "label studio", "one folder", "fiftyone"],
)
def test_one_file(tmp_path, images, file, file_name):
    pictures(tmp_path / images, "abcd")
    write(tmp_path / file, coco("abcd", file_name=file_name))
    for text in (f"coco:{tmp_path}", str(tmp_path), f"coco:{tmp_path / file}"):
        check(boxes(text), "abcd", [file_name.format(stem) for stem in "abcd"])


def test_nothing_of_the_kind(tmp_path):
    pictures(tmp_path, "a")
    write(tmp_path / "a.json", '{"shapes": [], "images": 1}')
    with pytest.raises(DataError, match="expected pictures and a JSON file in COCO's instances format"):
        boxes(f"coco:{tmp_path}")


def test_boxes_are_those_of_supervision(tmp_path):
    supervision = pytest.importorskip("supervision")
    roboflow(tmp_path)
    source = boxes(f"coco:{tmp_path}:train")
    folder = tmp_path / "train"
    oracle = supervision.DetectionDataset.from_coco(str(folder), str(folder / "_annotations.coco.json"))
    for index, (path, _, found) in enumerate(sorted(oracle, key=lambda one: one[0])):
        assert path.endswith(source.names[index])
        np.testing.assert_allclose(source.load(index).boxes, np.reshape(found.xyxy, (-1, 4)))
        kinds = [oracle.classes[kind] for kind in found.class_id]
        assert [source.class_names[kind] for kind in source.load(index).classes] == kinds
