"""`coco:IMAGES,JSON`: ids, crowds, areas, paths, and every kind of bad annotation."""

import json

import numpy as np
import pytest
from PIL import Image

from metricfit.trainers.data.example import Source
from metricfit.trainers.data.scan.scanner import checked_source, scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.sources.annotations import (
    CASE,
    INVERTED,
    NO_EXTENT,
    NO_SIZE,
    OVER_EDGE,
    WRONG_SIZE,
    WRONG_SIZE_BOXLESS,
)
from metricfit.trainers.errors import DataError, UsageError

CATEGORIES = [{"id": 70, "name": "cat"}, {"id": 3, "name": "dog"}, {"id": 9, "name": "fox"}]


def image(id_, file_name, width=32, height=24):
    return {"id": id_, "file_name": file_name, "width": width, "height": height}


def annotation(id_, image_id, category_id, bbox, **more):
    return {"id": id_, "image_id": image_id, "category_id": category_id, "bbox": bbox, **more}


def write(folder, images, annotations, categories=CATEGORIES, files=None):
    """Write pictures of 32x24 and the JSON file; gives what `open_source` takes."""
    for name in [entry["file_name"] for entry in images] if files is None else files:
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 24), (90, 120, 30)).save(path)
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(content))
    return f"coco:{folder / 'images'},{folder / 'instances.json'}"


def opened(text, needs="boxes"):
    return open_source(text, needs=needs)


def test_boxes_classes_crowds_and_areas(tmp_path):
    text = write(
        tmp_path,
        [image(12, "b.jpg"), image(4, "a.jpg")],
        [
            annotation(1, 12, 70, [2, 3, 18, 15], area=100.5, iscrowd=0),
            annotation(2, 12, 3, [0.5, 0, 31.5, 24], area=700, iscrowd=1),
            annotation(3, 12, 9, [1, 1, 4, 5], area=10**400),
        ],
    )
    source = opened(text)
    assert isinstance(source, Source)
    assert source.name == text
    # In the order of their ids, which need not follow each other.
    assert source.class_names == ("dog", "fox", "cat")
    assert (source.names, list(source.box_counts), source.notes) == (["b.jpg", "a.jpg"], [3, 0], ())
    example = source.load(0)
    assert example.boxes.tolist() == [[2, 3, 20, 18], [0.5, 0, 32, 24], [1, 1, 5, 6]]
    assert (example.boxes.dtype, example.classes.dtype) == (np.float32, np.int32)
    assert example.classes.tolist() == [2, 0, 1]
    assert example.crowd.tolist() == [False, True, False]
    assert example.areas.tolist() == [100.5, 700, 20]
    assert example.repairs == ()
    empty = source.load(1)
    assert (empty.boxes.shape, empty.classes.shape, empty.crowd, empty.areas) == ((0, 4), (0,), None, None)
    faults = scan(source, quiet=True)
    assert faults.faults == []
    assert "boxes: 0 dog, 1 fox, 1 cat, 1 difficult or crowd" in faults.report()
    assert opened(text, needs="none").load(0).boxes is None


def test_repairs(tmp_path, caplog):
    text = write(
        tmp_path,
        [
            image(1, "a.jpg"),
            image(2, "train/B.jpg"),
            image(3, "c.jpg", 0, 0),
            image(4, "d.jpg", 20, 20),
            image(5, "e.jpg", 640, 480),
        ],
        [
            annotation(1, 1, 3, [20, 18, -18, -15]),
            annotation(2, 1, 3, [20, 18, 0, 5]),
            annotation(3, 2, 3, [20, 18, 12.01, 5]),  # rounded
            annotation(4, 2, 3, [20, 18, 22, 5]),
            annotation(5, 4, 3, [20, 18, 12, 5]),
        ],
        files=["a.jpg", "b.JPG", "c.jpg", "d.jpg", "e.jpg"],
    )
    source = opened(text)
    assert [source.load(index).repairs for index in range(5)] == [
        (INVERTED, NO_EXTENT),
        (CASE, OVER_EDGE),
        (NO_SIZE,),
        (WRONG_SIZE,),
        (WRONG_SIZE_BOXLESS,),
    ]
    assert source.load(0).boxes.tolist() == [[2, 3, 20, 18]]
    assert source.load(1).boxes.tolist() == [[20, 18, 32, 23]] * 2
    with pytest.raises(DataError, match="neither faults nor repairs"):
        checked_source(text, needs="boxes", strict=True, quiet=True)
    assert len(checked_source(text, needs="boxes", quiet=True)) == 5


def test_faults_of_single_pictures(tmp_path):
    files = ("good", "category", "short", "nan", "sized", "none", "keys", "texts", "truth", "below", "again")
    text = write(
        tmp_path,
        [
            image(1, "good.jpg"),
            image(2, "missing.jpg"),
            image(3, "category.jpg"),
            image(4, "short.jpg"),
            image(5, "nan.jpg"),
            image(6, "sized.jpg", 64, 48),
            image(7, "none.jpg"),
            image(11, "keys.jpg"),
            image(12, "texts.jpg"),
            image(13, "truth.jpg"),
            image(14, "below.jpg", -32, 24),
            image(8, "good.jpg"),
            image(1, "again.jpg"),
            {"id": 10},
        ],
        [
            annotation(1, 1, 3, [1, 2, 3, 4]),
            annotation(2, 3, 99, [1, 2, 3, 4]),
            annotation(3, 4, 3, [1, 2, 3]),
            annotation(4, 5, 3, [1, 2, float("nan"), 4]),
            annotation(5, 6, 3, [1, 2, 3, 4]),
            annotation(6, 7, 3, None),
            annotation(9, 11, 3, {"1": 0, "2": 0, "3": 0, "4": 0}),
            annotation(10, 12, 3, ["1", "2", "3", "4"]),
            annotation(11, 13, 3, [1, 2, 3, True]),
            annotation(12, 14, 3, [1, 2, 3, 4]),
            annotation(7, 77, 3, [1, 2, 3, 4]),
            annotation(8, [1], 3, [1, 2, 3, 4]),
        ],
        files=[f"{name}.jpg" for name in files],
    )
    faults = scan(opened(text), quiet=True)
    found = dict(faults.faults)
    expected = {
        "missing.jpg": "lists missing.jpg, and there is no such picture in",
        "category.jpg": "annotation 2 of category.jpg in {json} has the category 99, which is not listed there",
        "short.jpg": "annotation 3 of short.jpg in {json} has the bbox [1, 2, 3], expected [x, y, width, height]",
        "nan.jpg": "has the bbox [1, 2, nan, 4]",
        "sized.jpg": "sized.jpg in {json} is for a picture of 64x48",
        "none.jpg": "has the bbox None",
        "keys.jpg": "has the bbox {{'1': 0, '2': 0, '3': 0, '4': 0}}, expected [x, y, width, height]",
        "texts.jpg": "has the bbox ['1', '2', '3', '4'], expected [x, y, width, height]",
        "truth.jpg": "has the bbox [1, 2, 3, True], expected [x, y, width, height]",
        "below.jpg": "below.jpg in {json} states a picture of -32x24, which no picture has: correct it",
        "good.jpg": "lists the image good.jpg twice",
        "again.jpg": "has two images of the id 1, one is again.jpg",
        "image number 14": "lacks its id or file_name",
        "instances.json (annotations)": "2 of 12 annotations in {json} are for images that it does not list "
        "(the first is annotation 7 for image 77)",
    }
    assert found.keys() == expected.keys()
    for name, part in expected.items():
        assert part.format(json=tmp_path / "instances.json") in found[name]
        assert "\n" not in found[name]


def test_pictures_are_found_by_their_names(tmp_path):
    names = ["train2017/a.jpg", "./b.jpg", "C:\\data\\c.jpg", "d.jpg", "../../d.jpg"]
    files = ["a.jpg", "b.jpg", "c.jpg", "x/d.jpg", "y/d.jpg", "spare.jpg", "more.jpg"]
    text = write(tmp_path, [image(number, name) for number, name in enumerate(names)], [], files=files)
    source = opened(text)
    for index in range(3):
        assert source.load(index).repairs == ()
    for index in (3, 4):
        with pytest.raises(DataError, match=r"which can be .*x/d\.jpg or .*y/d\.jpg"):
            source.load(index)
    (note,) = source.notes
    assert note == f"{tmp_path}/images holds 2 pictures more than {tmp_path}/instances.json lists: they are not used"


def test_a_missing_picture_is_not_another_of_its_last_name(tmp_path):
    names = ["val/1.png", "b/2.png", "c/2.png", "3.png", "d/3.png", "4.png", "4.PNG", "deep/5.png", "./6.png", "6.png"]
    files = ["train/1.png", "2.png", "3.png", "4.png", "very/deep/5.png", "6.png"]
    source = opened(write(tmp_path, [image(number, name) for number, name in enumerate(names)], [], files=files))
    assert [source.load(names.index(name)).name for name in ("3.png", "4.png", "deep/5.png")]
    found = dict(scan(source, quiet=True).faults)
    assert found.keys() == {"val/1.png", "b/2.png", "c/2.png", "d/3.png", "4.PNG", "./6.png", "6.png"}
    assert "lists val/1.png, and there is no such picture in" in found["val/1.png"]
    both = f"lists b/2.png and c/2.png, all found as {tmp_path}/images/2.png: "
    assert both in found["b/2.png"]
    assert found["b/2.png"] == found["c/2.png"]
    assert f"lists 3.png and d/3.png, all found as {tmp_path}/images/3.png: " in found["d/3.png"]
    assert "lists 4.png and 4.PNG, all found as" in found["4.PNG"]
    assert source.notes == (
        f"{tmp_path}/images holds 1 picture more than {tmp_path}/instances.json lists: it is not used",
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "has no list of images and annotations and categories"),
        ('{"images": [1], "annotations": [], "categories": []}', "has no list of images:"),
        ('{"images": [], "annotations": [], "categories": []}', "has no categories"),
        ('{"images": [], "annotations": [], "categories": [{"id": 1}]}', "lacks a usable id or name"),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}',
            "two categories of the id 1",
        ),
        (
            '{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "a "}]}',
            "two categories of the name a",
        ),
        ('{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}', "lists no images"),
    ],
)
def test_files_that_are_no_instances(tmp_path, content, said):
    text = write(tmp_path, [image(1, "a.jpg")], [])
    (tmp_path / "instances.json").write_text(content)
    with pytest.raises(DataError, match=said) as raised:
        opened(text)
    assert "\n" not in str(raised.value)


def test_paths(tmp_path):
    folder = tmp_path / "one, two"
    assert len(opened(write(folder, [image(1, "a.jpg")], []))) == 1
    with pytest.raises(UsageError, match="expected coco:IMAGES,JSON"):
        opened("coco:images")
    with pytest.raises(DataError, match="there is no folder nowhere"):
        opened(f"coco:nowhere,{folder / 'instances.json'}")
    with pytest.raises(DataError, match=r"there is no file .*other\.json"):
        opened(f"coco:{folder / 'images'},other.json")
    with pytest.raises(UsageError, match="hold boxes or labels, not masks"):
        opened("coco:a,b", needs="mask")


def test_names_that_unicode_writes_in_two_ways_are_one(tmp_path):
    images = [image(1, "m\u00f6we.jpg"), image(2, "sub/e\u0301.jpg")]
    cats = [{"id": 1, "name": "mo\u0308we"}]
    text = write(
        tmp_path, images, [annotation(1, 1, 1, [2, 3, 9, 9])], cats, files=["mo\u0308we.jpg", "sub/\u00e9.jpg"]
    )
    source = opened(text)
    assert source.class_names == ("m\u00f6we",)
    assert [source.load(index).repairs for index in (0, 1)] == [(), ()]


PAIR = [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}]
TWO = [image(1, "a.jpg"), image(2, "b.jpg")]


@pytest.mark.parametrize(
    ("images", "annotations", "categories"),
    [
        (TWO, [annotation(1, "1", 0, [2, 3, 9, 9]), annotation(2, "2", 1, [2, 3, 9, 9])], PAIR),
        (TWO, [annotation(1, 1, "0", [2, 3, 9, 9]), annotation(2, 2, "1", [2, 3, 9, 9])], PAIR),
        (TWO, [annotation(1, 1.0, 0.0, [2, 3, 9, 9]), annotation(2, 2.0, 1.0, [2, 3, 9, 9])], PAIR),
        (
            [image("0001", "a.jpg"), image("0002", "b.jpg")],
            [annotation(1, 1, 0, [2, 3, 9, 9]), annotation(2, 2, 1, [2, 3, 9, 9])],
            [{"id": "0", "name": "cat"}, {"id": "1", "name": "dog"}],
        ),
    ],
)
def test_ids_as_text_or_with_a_decimal_point_are_the_numbers_that_they_are(tmp_path, images, annotations, categories):
    source = opened(write(tmp_path, images, annotations, categories))
    assert [source.load(index).classes.tolist() for index in (0, 1)] == [[0], [1]]
    as_text = any(
        isinstance(value, str) for entry in images + annotations for key, value in entry.items() if "id" in key
    )
    assert any("ids" in note and "as text" in note for note in source.notes) == as_text


def test_ids_as_text_are_in_the_order_of_their_numbers(tmp_path):
    categories = [{"id": "10", "name": "ten"}, {"id": "9", "name": "nine"}, {"id": "9x", "name": "odd"}][:2]
    assert opened(write(tmp_path, TWO, [], categories)).class_names == ("nine", "ten")


def test_two_ids_that_are_one_number_are_a_fault(tmp_path):
    source = opened(write(tmp_path, [image(1, "a.jpg"), image("1", "b.jpg")], [], PAIR))
    assert "two images of the id 1" in source.structural_faults[0][1]


def test_ids_that_are_missing_are_said_so(tmp_path):
    lonely = {"id": 7, "category_id": 0, "bbox": [1, 1, 5, 5]}
    unnamed = {"id": 8, "image_id": 1, "bbox": [1, 1, 5, 5]}
    told = scan(opened(write(tmp_path, TWO, [lonely, unnamed], PAIR)), quiet=True).report()
    assert "annotation 7 for no image, it has no image_id" in told
    assert "annotation 8 of a.jpg in" in told
    assert "has no category_id: add the category" in told


@pytest.mark.parametrize(
    ("used", "listed", "told"),
    [
        ((0, 1, 2), (1, 2, 3), "use the categories 0 to 2, listed are 1 to 3"),
        ((1, 2), (0, 1), "use the categories 1 to 2, listed are 0 to 1"),
        ((1, 2, 3), (1, 2, 3), ""),
        ((0, 5), (1, 2, 3), ""),
    ],
)
def test_categories_that_count_from_another_number_stop_every_run(tmp_path, used, listed, told):
    categories = [{"id": id_, "name": f"name {id_}"} for id_ in listed]
    annotations = [annotation(id_, 1 + id_ % 2, id_, [2, 3, 9, 9]) for id_ in used]
    text = write(tmp_path, TWO, annotations, categories)
    assert [told in doubt for doubt in opened(text).doubts()] == [True] * bool(told)
    if told:
        with pytest.raises(DataError, match=told):
            checked_source(text, needs="boxes", skip_bad=True, quiet=True)


@pytest.mark.parametrize(
    ("boxes", "areas", "told"),
    [
        ([[8, 4, 30, 20], [16, 10, 31, 23], [1, 1, 8, 7]], None, r"corners \[x0, y0, x1, y1\]"),
        ([[4, 4, 12, 12], [1, 1, 9, 9]], [64, 64], r"corners \[x0, y0, x1, y1\]"),
        ([[26, 18, 12, 12], [25, 19, 14, 10], [10, 10, 4, 4]], None, "centres with sizes"),
        ([[4, 22, 8, 9], [2, 25, 8, 5], [1, 1, 9, 9]], None, r"rows before columns \[y, x, height, width\]"),
        ([[4, 4, 12, 12], [1, 1, 9, 9]], [144, 81], ""),
        ([[4, 4, 12, 12], [20, 10, 14, 9]], None, ""),
        ([[0, 0, 12, 12]], [144], ""),
        ([[27, 19, 10, 10], [26, 18, 12, 12], [2, 2, 20, 20]], None, ""),
        ([[2, 3, 18, 15]], [100], ""),
        ([[20, 10, 20, 20]], None, ""),
        ([], None, ""),
    ],
)
def test_boxes_that_are_written_in_another_way_stop_every_run(tmp_path, boxes, areas, told):
    areas = areas or [None] * len(boxes)
    annotations = [annotation(n, 1 + n % 2, 3, box, area=area) for n, (box, area) in enumerate(zip(boxes, areas))]
    text = write(tmp_path, TWO, annotations)
    assert len(opened(text).doubts()) == bool(told)
    if told:
        with pytest.raises(DataError, match=f"instances.json are not .*fit as {told}"):
            checked_source(text, needs="boxes", skip_bad=True, quiet=True)
        assert len(opened(f"{text} + scenes:val").doubts()) == 1


@pytest.mark.parametrize("box", [[0.25, 0.25, 0.375, 0.5], [0.5, 0.5, 0.9, 0.9], [0, 0, 0.999, 1]])
def test_boxes_in_shares_of_the_picture_are_refused(tmp_path, box):
    text = write(tmp_path, TWO, [annotation(1, 1, 3, box), annotation(2, 2, 3, [2, 3, 9, 9])])
    ((name, sentence),) = scan(opened(text), quiet=True).faults
    assert name == "a.jpg"
    assert "shares of the picture" in sentence
    assert sentence.endswith("multiply x and width by 32, y and height by 24")


@pytest.mark.parametrize("box", [[0, 0, 1, 1], [0.5, 0.5, 1, 6], [0, 0, 2, 1.5]])
def test_small_boxes_in_a_corner_are_none(tmp_path, box):
    assert not scan(opened(write(tmp_path, TWO, [annotation(1, 1, 3, box)])), quiet=True).faults


def test_sizes_that_nobody_states_are_those_of_the_pictures(tmp_path):
    bare = [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b.jpg"}]
    boxes = [[8, 4, 30, 20], [16, 10, 31, 23]]
    text = write(tmp_path, bare, [annotation(n, n, 3, box) for n, box in enumerate(boxes, 1)])
    with pytest.raises(DataError, match=r"all fit as corners"):
        checked_source(text, needs="boxes", skip_bad=True, quiet=True)


def test_pixels_that_may_count_from_1_are_noted(tmp_path):
    boxes = [[1, 1, 32, 24], [5, 4, 9, 9]]
    for shift in (0, 1):
        boxes = [[x - shift, y - shift, w, h] for x, y, w, h in boxes]
        source = opened(write(tmp_path, TWO, [annotation(n, n, 3, box) for n, box in enumerate(boxes, 1)]))
        assert any("may count pixels from 1" in note for note in source.notes) == (shift == 0)


def test_what_is_there_instead_is_said(tmp_path):
    write(tmp_path, TWO, [])
    with pytest.raises(
        DataError, match=r"no folder .*photos: check the path \(looked in .*: it holds images/, 1 .json"
    ):
        opened(f"coco:{tmp_path}/photos,{tmp_path}/instances.json")
