"""Class maps drawn of COCO's outlines and run lengths, and of labelme's shapes; pycocotools and OpenCV judge."""

import base64
import contextlib
import io
import json

import cv2
import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO

from metricfit.trainers.data.scan.scanner import checked_source, scan
from metricfit.trainers.data.sources import open_source, usual_needs
from metricfit.trainers.errors import DataError

SIZE = (24, 32)
LARGE, SMALL = [2, 2, 28, 2, 28, 20, 2, 20], [5.5, 4.2, 14, 4, 10.5, 12.7]
PARTS = [[1, 1, 6, 1, 6, 5], [20, 10, 30, 10, 30, 22, 20, 22]]


def region(top, left, bottom, right):
    drawn = np.zeros(SIZE, np.uint8, order="F")
    drawn[top:bottom, left:right] = 1
    return drawn


def counts(drawn):
    """Give uncompressed run lengths, column by column, which begin with those of 0."""
    flat = drawn.flatten(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return {"counts": ([0] if flat[0] else []) + runs, "size": list(SIZE)}


@pytest.fixture
def coco(picture_at, tmp_path):
    """Write pictures and instances in Roboflow's COCO layout, annotations by picture; gives the source's text."""

    def write(*pictures, categories=("cat", "dog"), split="train", **more):
        annotations = []
        for number, objects in enumerate(pictures, start=1):
            picture_at(f"{split}/p{number}.jpg", np.full((*SIZE, 3), 9 * number, np.uint8))
            for category, segmentation, *crowd in objects:
                annotations.append(
                    {
                        "id": len(annotations) + 1, "image_id": number, "category_id": category, "bbox": [1, 1, 9, 9],
                        "segmentation": segmentation, "iscrowd": int(bool(crowd)), "area": 81,
                    }
                )  # fmt: skip
        images = [
            {"id": number, "file_name": f"p{number}.jpg", "height": SIZE[0], "width": SIZE[1]}
            for number in range(1, len(pictures) + 1)
        ]
        content = {
            "images": images,
            "annotations": annotations,
            "categories": [{"id": number, "name": name} for number, name in enumerate(categories, start=1)],
        }
        (tmp_path / split / "_annotations.coco.json").write_text(json.dumps(content | more))
        return str(tmp_path)

    return write


def test_outlines_and_run_lengths_are_those_of_pycocotools(coco, tmp_path):
    encoded = run_lengths.encode(region(3, 20, 9, 30))
    compressed = {"counts": encoded["counts"].decode(), "size": encoded["size"]}
    text = coco([(1, [LARGE]), (2, [SMALL])], [(2, PARTS)], [(1, counts(region(0, 0, 7, 9))), (2, compressed)], [])
    source = open_source(text, needs="labels")
    assert source.class_names == ("background", "cat", "dog")
    assert "_annotations.coco.json as COCO has it" in source.recognised[0]
    with contextlib.redirect_stdout(io.StringIO()):
        oracle = COCO(str(tmp_path / "train" / "_annotations.coco.json"))
    for index in range(4):
        expected = np.zeros(SIZE, np.uint8)
        for one in sorted(
            oracle.loadAnns(oracle.getAnnIds(index + 1)), key=lambda one: -int(oracle.annToMask(one).sum())
        ):
            expected[oracle.annToMask(one) > 0] = one["category_id"]
        np.testing.assert_array_equal(source.load(index).labels, expected)
    assert set(np.unique(source.load(0).labels)) == {0, 1, 2}, "the small one lies over the large one"
    assert scan(source, needs="labels", quiet=True).faults == []


def test_small_objects_lie_over_large_ones_in_any_order(coco):
    text = coco([(1, [LARGE]), (2, [SMALL])], [(2, [SMALL]), (1, [LARGE])])
    source = open_source(text, needs="labels")
    np.testing.assert_array_equal(source.load(0).labels, source.load(1).labels)


def test_crowds_are_ignored_where_no_object_is(coco):
    text = coco([(1, counts(region(0, 0, 24, 16)), True), (2, [SMALL])])
    labels = open_source(text, needs="labels").load(0).labels
    assert (labels[0, 0], labels[6, 9], labels[0, 31]) == (255, 2, 0)
    text = coco([(1, [LARGE]), (2, counts(region(4, 4, 9, 9)), True)])
    assert open_source(text, needs="labels").load(0).labels[6, 6] == 1, "also where the crowd is smaller"


def test_a_category_called_background_is_one(coco):
    source = open_source(coco([(2, [LARGE])], categories=("background", "cat")), needs="labels")
    assert (source.class_names, source.load(0).labels.max()) == (("background", "cat"), 1)


def test_boxes_are_what_such_data_are_usually_asked_for(coco):
    text = coco([(1, [LARGE])])
    assert usual_needs(text) == "boxes"
    assert open_source(text, needs="boxes").load(0).labels is None
    assert open_source(f"coco:{text}/train,{text}/train/_annotations.coco.json", needs="labels").load(0).boxes is None


@pytest.mark.parametrize(
    ("segmentation", "said"),
    [
        ([], "has a box alone and no outline"),
        (None, "has a box alone and no outline"),
        ([[1, 2, 3, 4]], "an outline that is not three points or more"),
        ([[1, 2, 3, 4, 5, "6"]], "an outline that is not three points or more"),
        ({"counts": [9], "size": [3, 3]}, r"run lengths for a size of \[3, 3\], its picture is \[24, 32\]"),
        ({"counts": [9], "size": [24, 32]}, "run lengths that are not those of 768 pixels"),
    ],
)
def test_outlines_at_fault(coco, segmentation, said):
    source = open_source(coco([(1, [LARGE])], [(1, segmentation)]), needs="labels")
    assert source.load(0).labels.any()
    with pytest.raises(DataError, match=rf"annotation 2 of p2.jpg in .*{said}"):
        source.load(1)


def test_a_flat_outline_is_one(coco):
    source = open_source(coco([(1, LARGE)], [(1, [LARGE])]), needs="labels")
    np.testing.assert_array_equal(source.load(0).labels, source.load(1).labels)


def test_outlines_in_shares_are_refused(coco):
    with pytest.raises(DataError, match="lie within 0 to 1, as shares of the picture do"):
        open_source(coco([(1, [[0.1, 0.1, 0.9, 0.1, 0.9, 0.8]])]), needs="labels").load(0)


def test_outlines_for_a_picture_of_another_size_are_refused(coco, tmp_path):
    text = coco([(1, [LARGE])])
    Image.new("RGB", SIZE).save(tmp_path / "train" / "p1.jpg")
    with pytest.raises(DataError, match=r"is for a picture of 32x24.*is 24x32.*EXIF"):
        open_source(text, needs="labels").load(0)


@pytest.fixture
def labelme(picture_at, tmp_path):
    """Write a picture and its JSON file of labelme for each list of shapes (label, kind, points)."""

    def write(*pictures, size=SIZE):
        for number, shapes in enumerate(pictures):
            picture_at(f"p{number}.jpg", np.full((*SIZE, 3), 60, np.uint8))
            content = {
                "version": "5.4.1", "flags": {}, "imagePath": f"p{number}.jpg", "imageData": None,
                "imageHeight": size[0], "imageWidth": size[1],
                "shapes": [
                    {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **dict(*more)}
                    for label, kind, points, *more in shapes
                ],
            }  # fmt: skip
            (tmp_path / f"p{number}.json").write_text(json.dumps(content))
        return str(tmp_path)

    return write


TRIANGLE = [[4, 3], [20, 5], [9, 18]]


def test_shapes_of_labelme_are_drawn_in_their_order(labelme):
    text = labelme(
        [("tree", "polygon", TRIANGLE), ("car", "rectangle", [[12, 12], [6, 6]])],
        [
            ("car", "circle", [[16, 12], [16, 7]]),
            ("tree", "point", [[1, 1]]),
            ("__ignore__", "rectangle", [[0, 0], [2, 2]]),
        ],
        [],
    )
    source = open_source(text, needs="labels")
    assert source.recognised[0].endswith(
        "pictures and JSON files of labelme, 3 pairs, outlines drawn as class maps (labelme)"
    )
    assert source.class_names == ("background", "car", "tree")
    labels, triangle = source.load(0).labels, cv2.fillPoly(np.zeros(SIZE, np.uint8), [np.array(TRIANGLE, np.int32)], 1)
    # Where exactly an edge lies is a matter of rounding.
    inside, around = (change(triangle, np.ones((3, 3), np.uint8)) > 0 for change in (cv2.erode, cv2.dilate))
    assert (labels[inside] > 0).all()
    assert (labels[~around] != 2).all()
    np.testing.assert_array_equal(labels[6:13, 6:13], 1)
    assert (labels == 1).sum() == 49
    disc = source.load(1)
    away = np.hypot(*np.subtract(np.indices(SIZE), [[[12]], [[16]]]))
    assert (disc.labels[away < 4.5] == 1).all()
    assert (disc.labels[away > 6] != 1).all()
    assert (disc.labels[:3, :3] == 255).all()
    assert disc.repairs == ("point or line, which encloses nothing, left out",)
    assert source.load(2).labels.max() == 0


def test_masks_of_labelme_are_pasted(labelme):
    stored = io.BytesIO()
    Image.fromarray(np.array([[0, 255, 255], [255, 0, 0]], np.uint8)).save(stored, "PNG")
    encoded = {"mask": base64.b64encode(stored.getvalue()).decode()}
    labels = open_source(labelme([("car", "mask", [[30, 5], [32, 6]], encoded)]), needs="labels").load(0).labels
    assert np.argwhere(labels == 1).tolist() == [[5, 31], [6, 30]]
    labels = open_source(labelme([("car", "mask", [[-2, -1], [0, 0]], encoded)]), needs="labels").load(0).labels
    assert not labels.any()
    labels = open_source(labelme([("car", "mask", [[-1, 0], [1, 1]], encoded)]), needs="labels").load(0).labels
    assert np.argwhere(labels == 1).tolist() == [[0, 0], [0, 1]]


def test_a_list_of_labels_orders_the_classes(labelme, tmp_path):
    text = labelme([("tree", "polygon", TRIANGLE)])
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\ntree\ncar\n")
    source = checked_source(text, needs="labels", quiet=True)
    assert source.class_names == ("background", "tree", "car")
    (tmp_path / "labels.txt").write_text("car\n")
    with pytest.raises(DataError, match="has the label tree, the classes are background, car"):
        open_source(text, needs="labels").load(0)


def test_files_of_labelme_at_fault(labelme, picture_at, tmp_path):
    text = labelme([("car", "polygon", TRIANGLE)], [("car", "polygon", TRIANGLE[:2])])
    (tmp_path / "alone.json").write_text((tmp_path / "p0.json").read_text())
    picture_at("bare.jpg")
    faults = dict(scan(open_source(text, needs="labels"), needs="labels", quiet=True).faults)
    assert "expected 3 pairs of numbers or more" in faults["p1"]
    assert "has no labels" in faults["bare"]
    assert "has no image of the same name" in faults["alone.json"]
    assert faults.keys() == {"p1", "bare", "alone.json"}
    labelme([("car", "polygon", TRIANGLE)], size=(48, 64))
    with pytest.raises(DataError, match=r"is for a picture of 64x48.* is 32x24"):
        open_source(text, needs="labels").load(1)
