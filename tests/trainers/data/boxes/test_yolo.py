"""`yolo:PATH[:SPLIT]`: every way to lay the files out, and every kind of bad line."""

import re

import numpy as np
import pytest

from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source, usual_needs
from metricfit.trainers.data.sources.annotations import NO_EXTENT, OVER_EDGE
from metricfit.trainers.errors import DataError

from .trees import CLASSES, check, data_yaml, picture, rows, write


def boxes(text):
    return open_source(text, needs="boxes")


def files(folder, images, labels, stems):
    for stem in stems:
        picture(folder / images / f"{stem}.jpg", stem)
        write(folder / labels / f"{stem}.txt", rows(stem))


@pytest.fixture
def split_set(tmp_path):
    """images/train and labels/train, as Ultralytics lays sets out."""
    folder = tmp_path / "around/set"
    files(folder, "images/train", "labels/train", "ab")
    files(folder, "images/val", "labels/val", "d")
    picture(folder / "images/val/c.jpg", "c")
    return folder


NAMES = {0: "cat", 1: "dog"}
AS_ULTRALYTICS = {"train": "images/train", "val": "images/val", "test": "", "names": NAMES}


@pytest.mark.parametrize(
    "content",
    [
        AS_ULTRALYTICS,
        {**AS_ULTRALYTICS, "path": "."},
        {**AS_ULTRALYTICS, "path": "../datasets/elsewhere", "nc": 2},
        {**AS_ULTRALYTICS, "train": ["images/train"], "names": ["cat", "dog"]},
        {**AS_ULTRALYTICS, "train": "../images/train", "val": "/content/set/images/val"},
    ],
    ids=["plain", "path", "moved", "lists", "roboflow"],
)
def test_data_yaml(split_set, content):
    write(split_set / "data.yaml", data_yaml(**content))
    for text in (f"yolo:{split_set}:train", f"yolo:{split_set}/data.yaml:train", f"{split_set}:train"):
        check(boxes(text), "ab")
    assert boxes(f"{split_set}:train").recognised == (
        f"{split_set}:train: text files as YOLO has them, 2 for 2 pictures, data.yaml with 2 classes (yolo)",
    )
    for split in ("val", "valid"):
        source = boxes(f"yolo:{split_set}:{split}")
        check(source, "cd")
        assert source.notes == ("1 of 2 pictures has no text file and so no objects, as YOLO has it",)
    assert scan(source, quiet=True).faults == []
    with pytest.raises(DataError, match=rf"has the parts train, val: name one, yolo:{split_set}:train, yolo:"):
        boxes(f"yolo:{split_set}")
    with pytest.raises(DataError, match="for the part test"):
        boxes(f"yolo:{split_set}:test")
    assert usual_needs(f"{split_set}:train") == "boxes"
    assert open_source(f"yolo:{split_set}:train", needs="none").load(0).boxes is None


def test_a_folder_around_it(split_set):
    write(split_set / "data.yaml", data_yaml(**AS_ULTRALYTICS))
    (split_set.parent / "circle.png").symlink_to("circle.png")
    (split_set / "itself").symlink_to(split_set)
    check(boxes(f"yolo:{split_set.parent}:train"), "ab")


def test_lists_of_pictures(tmp_path):
    files(tmp_path, "images", "labels", "abd")
    write(tmp_path / "train.txt", "./images/a.jpg\nimages/d.jpg\n")
    write(tmp_path / "set.yml", data_yaml(train="train.txt", names=["cat", "dog"]))
    source = boxes(f"yolo:{tmp_path}")
    check(source, "ad")
    assert source.structural_faults == ()
    write(tmp_path / "train.txt", "images/x.jpg\n")
    with pytest.raises(DataError, match=r"train\.txt names images/x\.jpg, and there is no such picture"):
        boxes(f"yolo:{tmp_path}")


def test_roboflow(tmp_path):
    for part, stems in (("train", "ab"), ("valid", "c"), ("test", "d")):
        files(tmp_path, f"{part}/images", f"{part}/labels", stems)
    content = {"train": "../train/images", "val": "../valid/images", "test": "../test/images"}
    write(tmp_path / "data.yaml", data_yaml(**content, nc=2, names=["cat", "dog"], roboflow={"license": "x"}))
    write(tmp_path / "README.dataset.txt", "0 words about it")
    check(boxes(f"yolo:{tmp_path}:train"), "ab")
    check(boxes(f"{tmp_path}:valid"), "c")
    # Without its data.yaml the folders tell the same, and a list the classes.
    (tmp_path / "data.yaml").unlink()
    write(tmp_path / "classes.txt", "cat\ndog\n")
    check(boxes(f"{tmp_path}:test"), "d")


@pytest.mark.parametrize(
    ("images", "labels", "listed"),
    [
        ("", "", "classes.txt"),
        ("images", "labels", "labels/classes.txt"),
        ("Images", "Labels", "notes/classes.txt"),
        ("obj_train_data", "obj_train_data", "obj.names"),
        ("photos", "yolo_txt", "classes.txt"),
    ],
    ids=["labelimg", "label studio", "capitals", "darknet", "any two folders"],
)
def test_folders_without_a_yaml(tmp_path, images, labels, listed):
    files(tmp_path, images, labels, "abcd")
    write(tmp_path / listed, "cat\ndog\n")
    check(boxes(f"yolo:{tmp_path}"), "abcd")
    assert "as YOLO has them" in boxes(str(tmp_path)).recognised[0]


def test_classes_without_names_are_called_by_their_numbers(tmp_path):
    files(tmp_path, "images", "labels", "ab")
    source = boxes(f"yolo:{tmp_path}")
    assert source.class_names == ("0", "1")
    assert source.notes == (
        f"nothing names the classes, they are called by their numbers: write {tmp_path}/classes.txt",
    )


def test_outlines_become_boxes_and_keypoints_are_left_away(tmp_path):
    picture(tmp_path / "images/d.jpg", "d")
    label = write(tmp_path / "labels/d.txt", "1 0.25 0.5 0.75 0.25 0.5 0.75\n0 .5 .5 1 1\n")
    write(tmp_path / "data.yaml", data_yaml(train="images", names=CLASSES))
    example = boxes(f"yolo:{tmp_path}").load(0)
    np.testing.assert_allclose(example.boxes, [[10, 10, 30, 30], [0, 0, 40, 40]])
    assert example.classes.tolist() == [1, 0]
    write(tmp_path / "data.yaml", data_yaml(train="images", names=list(CLASSES), kpt_shape=[1, 3]))
    label.write_text("1 0.5 0.5 0.25 0.5 0.4 0.4 2\n")
    np.testing.assert_allclose(boxes(f"yolo:{tmp_path}").load(0).boxes, [[15, 10, 25, 30]])


@pytest.mark.parametrize("key", ["path", "train"])
def test_names_that_no_file_can_have_are_a_sentence(tmp_path, key):
    files(tmp_path, "images", "labels", "ab")
    write(tmp_path / "data.yaml", data_yaml(names=list(CLASSES), **{"train": "images/nowhere", key: "a" * 3000}))
    with pytest.raises(DataError, match=r"data\.yaml has .* as train, and there is no .*: correct the path") as caught:
        boxes(f"yolo:{tmp_path}:train")
    assert len(str(caught.value)) < 900


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("0 20 20 10 10", "has the number 20, expected shares of the picture's sides from 0 to 1"),
        ("0 0.5 0.5 -0.1 0.2", "has the number -0.1"),
        ("0 0.5 nan 0.1 0.2", "has the number nan"),
        ("2 .5 .5 .1 .1", "has the class 2, data.yaml names 0 to 1"),
        ("-1 .5 .5 .1 .1", "has the class -1"),
        ("0.5 .5 .5 .1 .1", "has the class 0.5"),
        ("inf .5 .5 .1 .1", "has the class inf"),
        ("nan .5 .5 .1 .1", "has the class nan"),
        ("cat .5 .5 .1 .1", "expected numbers alone"),
        ("0 .5 .5 .1 .1 .93", "is the fifth the score of a prediction"),
        ("0 .5 .5 .1", "has 3 numbers after the class"),
        ("0 .1 .1 .2 .2 .3 .3 .4", "has 7 numbers after the class"),
    ],
)
def test_bad_lines_are_faults_of_their_pictures_only(tmp_path, line, sentence):
    files(tmp_path, "images", "labels", "ab")
    write(tmp_path / "data.yaml", data_yaml(train="images", names=list(CLASSES)))
    write(tmp_path / "labels/b.txt", f"\n{rows('b')}{line}\n")
    faults = scan(boxes(f"yolo:{tmp_path}"), quiet=True).faults
    assert [name for name, _ in faults] == ["b"]
    assert faults[0][1].startswith(f"line 3 of {tmp_path / 'labels/b.txt'} ")
    assert sentence in faults[0][1]


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("0 .1 .2 .7 .9\n1 .3 .4 .8 .95\n", "all fit as corners, x0 y0 x1 y1: convert them"),
        ("0 0 0 .9 .3\n1 .7 .6 .2 .4\n", "all fit as x y width height with x and y at the top left: convert them"),
    ],
)
def test_boxes_written_in_another_way(tmp_path, line, meant):
    files(tmp_path, "images", "labels", "abcd")
    write(tmp_path / "classes.txt", "cat\ndog\n")
    assert scan(boxes(f"yolo:{tmp_path}"), quiet=True).sentences == []
    for stem in "abcd":
        write(tmp_path / f"labels/{stem}.txt", line)
    (said,) = scan(boxes(f"yolo:{tmp_path}"), quiet=True).sentences
    assert meant in said
    assert "many reach beyond their pictures" in said


def test_what_lies_a_little_over_the_edge_is_cut(tmp_path):
    picture(tmp_path / "d.png", "d")
    write(tmp_path / "d.txt", "0 .5 .5 0 .5\n0 0.9 0.5 0.3 0.5\n1.0,0.5,0.5,1.000001,1\n")
    example = boxes(f"yolo:{tmp_path}").load(0)
    np.testing.assert_allclose(example.boxes, [[30, 10, 40, 30], [0, 0, 40, 40]])
    assert example.classes.tolist() == [0, 1]
    assert example.repairs == (NO_EXTENT, OVER_EDGE)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("train: images\nnames: [cat, cat]\n", "names the class cat twice"),
        ("train: images\nnames: []\n", "names no class"),
        ("train: images\nnames: {a: b}\n", "are no list and no numbers with names: write [cat, dog]"),
        ("train: images\nnc: 3\nnames: [cat, dog]\n", "says nc: 3 and names 2 classes"),
        ("train: pictures\nnames: [cat, dog]\n", "has pictures as train, and there is no "),
        ("train: 5\nnames: [cat, dog]\n", "has 5 as train: expected a folder"),
        ("names: [cat\n", "cannot be read as YAML (line 2)"),
    ],
)
def test_bad_yaml_is_one_sentence(tmp_path, text, sentence):
    files(tmp_path, "images", "labels", "a")
    write(tmp_path / "data.yaml", text)
    with pytest.raises(DataError, match=re.escape(sentence)):
        boxes(f"yolo:{tmp_path}")


def test_nothing_to_read_is_said(tmp_path):
    picture(tmp_path / "images/a.jpg", "a")
    write(tmp_path / "notes.txt", "some words")
    with pytest.raises(DataError, match=r"expected data.yaml, or pictures .*found 1 \.txt, images/ \(1 \.jpg\)"):
        boxes(f"yolo:{tmp_path}")
    write(tmp_path / "data.yaml", data_yaml(train="images", names=list(CLASSES)))
    with pytest.raises(DataError, match=r"none of the 1 picture in .* has a text file of its boxes"):
        boxes(f"yolo:{tmp_path}")


def test_a_text_file_without_a_picture_is_a_fault(tmp_path):
    files(tmp_path, "images", "labels", "ab")
    (tmp_path / "images/b.jpg").unlink()
    write(tmp_path / "classes.txt", "cat\ndog\n")
    ((name, sentence),) = boxes(f"yolo:{tmp_path}").structural_faults
    assert name == "b.txt"
    assert "has no picture of the same name" in sentence


def test_boxes_are_those_of_supervision(split_set):
    supervision = pytest.importorskip("supervision")
    write(split_set / "data.yaml", data_yaml(**{**AS_ULTRALYTICS, "names": list(CLASSES)}))
    source = boxes(f"yolo:{split_set}:train")
    oracle = supervision.DetectionDataset.from_yolo(
        str(split_set / "images/train"), str(split_set / "labels/train"), str(split_set / "data.yaml")
    )
    assert tuple(oracle.classes) == source.class_names
    for index, (path, _, found) in enumerate(sorted(oracle, key=lambda one: one[0])):
        assert path.endswith(f"{source.names[index]}.jpg")
        np.testing.assert_allclose(source.load(index).boxes, found.xyxy, atol=1e-3)
        np.testing.assert_array_equal(source.load(index).classes, found.class_id)
