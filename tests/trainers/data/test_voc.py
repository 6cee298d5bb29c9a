"""`voc:PATH[:SPLIT]`: layout, classes, VOC's pixels, and every kind of bad annotation."""

import re

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
    OUTSIDE,
    OVER_EDGE,
    WRONG_SIZE,
    WRONG_SIZE_BOXLESS,
)
from metricfit.trainers.errors import DataError, UsageError

CAT, DOG = ("cat", 3, 4, 20, 18), ("dog", 1, 1, 32, 24)


def thing(name, xmin, ymin, xmax, ymax, difficult=None):
    flag = "" if difficult is None else f"<difficult>{difficult}</difficult>"
    corners = zip(("xmin", "ymin", "xmax", "ymax"), (xmin, ymin, xmax, ymax))
    box = "".join(f"<{corner}>{value}</{corner}>" for corner, value in corners)
    part = "<part><name>head</name><bndbox><xmin>7</xmin></bndbox></part>"
    return f"<object><name>{name}</name>{flag}<bndbox>{box}</bndbox>{part}</object>"


def write(folder, stem, *things, size=(32, 24), image=True, text=None):
    """Write a picture of 32x24 and its annotation."""
    (folder / "JPEGImages").mkdir(parents=True, exist_ok=True)
    (folder / "Annotations").mkdir(exist_ok=True)
    if image:
        Image.new("RGB", (32, 24), (90, 120, 30)).save(folder / "JPEGImages" / f"{stem}.jpg")
    stated = f"<size><width>{size[0]}</width><height>{size[1]}</height></size>" if size else ""
    body = "".join(item if isinstance(item, str) else thing(*item) for item in things)
    text = text or f"<annotation><filename>other.png</filename>{stated}{body}</annotation>"
    (folder / "Annotations" / f"{stem}.xml").write_text(text)


def write_list(folder, split, text):
    (folder / "ImageSets" / "Main").mkdir(parents=True, exist_ok=True)
    (folder / "ImageSets" / "Main" / f"{split}.txt").write_text(text)


def opened(folder, split="", needs="boxes"):
    return open_source(f"voc:{folder}{split and ':' + split}", needs=needs)


def loaded(folder):
    return opened(folder).load(0)


def test_boxes_classes_and_pixels(tmp_path):
    write(tmp_path, "b", DOG, CAT)
    write(tmp_path, "a")
    (tmp_path / "Annotations" / "._a.xml").write_bytes(b"what macOS leaves behind")
    (tmp_path / "Annotations" / "b.xml").rename(tmp_path / "Annotations" / "b.XML")
    source = opened(tmp_path)
    assert isinstance(source, Source)
    assert source.name == f"voc:{tmp_path}"
    assert (source.names, source.class_names) == (["a", "b"], ("cat", "dog"))
    assert list(source.box_counts) == [0, 2]
    example = source.load(1)
    assert example.image.shape == (24, 32, 3)
    # Pixels count from 1 in the file, and the last one belongs to the box.
    assert example.boxes.tolist() == [[0, 0, 32, 24], [2, 3, 20, 18]]
    assert (example.boxes.dtype, example.classes.dtype) == (np.float32, np.int32)
    assert example.classes.tolist() == [1, 0]
    assert (example.name, example.difficult, example.crowd, example.repairs) == ("b", None, None, ())
    empty = source.load(0)
    assert (empty.boxes.shape, empty.classes.shape) == ((0, 4), (0,))
    assert scan(source, quiet=True).faults == []


def test_difficult_objects_are_marked(tmp_path):
    write(tmp_path, "a", (*CAT, 1), (*DOG, 0))
    assert loaded(tmp_path).difficult.tolist() == [True, False]


def test_splits_agree_on_the_classes(tmp_path):
    write(tmp_path, "a", CAT)
    write(tmp_path, "b", DOG)
    write_list(tmp_path, "train", "a\n\n")
    write_list(tmp_path, "val", "b.jpg\n")
    write_list(tmp_path, "cat_train", "a  1\nb -1\n")
    train, val = opened(tmp_path, "train"), opened(tmp_path, "val")
    assert (train.names, val.names, opened(tmp_path, "cat_train").names) == (["a"], ["b"], ["a", "b"])
    assert train.class_names == val.class_names == ("cat", "dog")
    assert val.load(0).classes.tolist() == [1]
    assert opened(tmp_path).notes == ("these are all pictures; the splits are train, val",)
    assert "no box of dog" in scan(train, quiet=True).report()
    with pytest.raises(DataError, match=r"no split test \(no ImageSets/Main/test.txt\): it has train, val$"):
        opened(tmp_path, "test")


def test_classes_can_be_listed(tmp_path):
    write(tmp_path, "a", CAT)
    write(tmp_path, "b", DOG, ("fox", 1, 1, 9, 9))
    (tmp_path / "classes.txt").write_text("dog\ncat\n")
    source = opened(tmp_path)
    assert source.class_names == ("dog", "cat")
    assert source.load(0).classes.tolist() == [1]
    with pytest.raises(DataError, match=r"b\.xml names the class fox, .*classes\.txt lists dog, cat: correct"):
        source.load(1)
    (tmp_path / "classes.txt").write_text("dog\ndog\n")
    with pytest.raises(DataError, match="names the class dog twice"):
        opened(tmp_path)


def test_pictures_alone(tmp_path):
    write(tmp_path, "a", text="no xml")
    example = opened(tmp_path, needs="none").load(0)
    assert (example.name, example.boxes) == ("a", None)


def test_repairs_are_counted_named_and_refused_when_strict(tmp_path, caplog):
    write(tmp_path, "edge", ("cat", 0, 5, 40, 20), ("cat", 1, 1, 32, 24))
    write(tmp_path, "point", ("cat", 9, 9, 9, 9), CAT)
    write(tmp_path, "turned", ("cat", 20, 18, 3, 4))
    write(tmp_path, "away", ("cat", 40, 30, 50, 60), CAT, size=None)
    write(tmp_path, "stated", DOG, size=(30, 10))
    write(tmp_path, "without", size=(640, 480))
    faults = scan(opened(tmp_path), quiet=True)
    assert faults.faults == []
    kinds = OUTSIDE, NO_SIZE, OVER_EDGE, NO_EXTENT, WRONG_SIZE, INVERTED, WRONG_SIZE_BOXLESS
    assert faults.repaired == dict.fromkeys(kinds, 1)
    assert faults.repaired_in[WRONG_SIZE_BOXLESS] == ["without"]
    assert faults.repaired_in[NO_EXTENT] == ["point"]
    assert f"repaired: {INVERTED} (1 time: turned)" in faults.report()
    assert "some boxes begin at pixel 0" in faults.report()
    assert opened(tmp_path).load(1).boxes.tolist() == [[0, 4, 32, 20], [0, 0, 32, 24]]
    with caplog.at_level("INFO", "metricfit"):
        assert len(checked_source(f"voc:{tmp_path}", needs="boxes", quiet=True)) == 6
    assert NO_EXTENT in caplog.text
    with pytest.raises(DataError, match="--strict lets neither"):
        checked_source(f"voc:{tmp_path}", needs="boxes", strict=True, skip_bad=True, quiet=True)


BOMB = '<!DOCTYPE a [<!ENTITY x "x"><!ENTITY y "&x;&x;">]><annotation><filename>&y;</filename></annotation>'
OUTSIDE_FILE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>'

BAD = {
    "bomb": (BOMB, "declares XML entities"),
    "reader": (OUTSIDE_FILE, "declares XML entities"),
    "cut": ("<annotation><object>", "cannot be read as XML"),
    "binary": ("\x00\x01", "cannot be read as text"),
    "page": ("<html><body/></html>", "holds <html>, expected <annotation>"),
    "nameless": (f"<annotation>{thing(' ', 1, 2, 3, 4)}</annotation>", "object 1 of .* has no <name>"),
    "boxless": ("<annotation><object><name>cat</name></object></annotation>", "has nothing as <bndbox/xmin>"),
    "word": (f"<annotation>{thing('cat', 1, 2, 'x', 4)}</annotation>", "has 'x' as <bndbox/xmax>, expected a number"),
    "nan": (f"<annotation>{thing('cat', 1, 'nan', 3, 4)}</annotation>", "has 'nan' as <bndbox/ymin>"),
}


def test_bad_files_are_faults_of_their_pictures_only(tmp_path):
    write(tmp_path, "good", CAT)
    for stem, (text, _) in BAD.items():
        write(tmp_path, stem, text=text)
    write(tmp_path, "sized", CAT, size=(64, 48))
    write(tmp_path, "below", CAT, size=(32, -24))
    write(tmp_path, "alone", ("ghost", 1, 1, 9, 9), image=False)
    write(tmp_path, "bare")
    (tmp_path / "Annotations" / "bare.xml").unlink()
    (tmp_path / "JPEGImages" / "broken.jpg").write_bytes(b"no picture")
    write(tmp_path, "broken", CAT, image=False)
    assert opened(tmp_path).class_names == ("cat",), "and not what no picture has"
    found = dict(scan(opened(tmp_path), quiet=True).faults)
    assert found.keys() == {*BAD, "sized", "below", "alone.xml", "bare", "broken"}
    expected = {stem: part for stem, (_, part) in BAD.items()}
    expected |= {
        "sized": "is for a picture of 64x48, .*sized.jpg is 32x24: bring",
        "below": r"below\.xml states a picture of 32x-24, which no picture has: correct it",
        "alone.xml": "annotation .*alone.xml has no picture of the same name",
        "bare": "has no annotation .*bare.xml: add it .one without objects",
        "broken": "broken.jpg cannot be read",
    }
    for name, sentence in found.items():
        assert re.search(expected[name], sentence), sentence
        assert "\n" not in sentence
        assert str(tmp_path) in sentence
    assert checked_source(f"voc:{tmp_path}", needs="boxes", skip_bad=True, quiet=True).names == ["good"]


def test_names_in_another_case_of_letters(tmp_path):
    write(tmp_path, "IMG_1", CAT)
    (tmp_path / "JPEGImages" / "IMG_1.jpg").rename(tmp_path / "JPEGImages" / "img_1.JPG")
    write(tmp_path, "b", CAT)
    write_list(tmp_path, "train", "IMG_1\nB.jpg\nnowhere\nb\n")
    for source, repaired in ((opened(tmp_path), [(), (CASE,)]), (opened(tmp_path, "train"), [(CASE,), (CASE,)])):
        examples = {name: source.load(index) for index, name in enumerate(source.names)}
        assert [examples[name].repairs for name in ("b", "img_1")] == repaired
        assert all(len(example.boxes) == 1 for example in examples.values())
    (lost, sentence), (again, _) = source.structural_faults
    assert (lost, again) == ("nowhere", "b (again)")
    assert "train.txt names nowhere, and there is no such picture" in sentence
    Image.new("RGB", (32, 24)).save(tmp_path / "JPEGImages" / "b.png")
    with pytest.raises(DataError, match=r"b\.jpg and b\.png share the name b"):
        opened(tmp_path, "train").load(1)


def test_another_case_of_letters_counts_only_for_what_has_no_partner(tmp_path):
    write(tmp_path, "a", CAT)
    write(tmp_path, "A", DOG, image=False)
    write(tmp_path, "b", CAT)
    Image.new("RGB", (32, 24)).save(tmp_path / "JPEGImages" / "B.jpg")
    write(tmp_path, "twins", CAT, image=False)
    for name in ("Twins", "TWINS"):
        Image.new("RGB", (32, 24)).save(tmp_path / "JPEGImages" / f"{name}.jpg")
    source = opened(tmp_path)
    found = dict(scan(source, quiet=True).faults)
    # A.xml is not for a.jpg, which has a.xml; nor is b.xml for B.jpg, or twins.xml for one of two.
    assert found.keys() == {"A.xml", "B", "twins.xml", "Twins", "TWINS"}
    assert "A.xml has no picture of the same name" in found["A.xml"]
    assert "B.jpg has no annotation" in found["B"]
    assert source.load(source.names.index("a")).repairs == ()


def test_rotated_photos_need_upright_annotations(tmp_path):
    write(tmp_path, "a", CAT, size=(24, 32))
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (32, 24)).save(tmp_path / "JPEGImages" / "a.jpg", exif=exif)
    assert loaded(tmp_path).image.shape == (32, 24, 3)
    write(tmp_path, "a", CAT, size=(32, 24), image=False)
    with pytest.raises(DataError, match="is the picture's EXIF rotation the reason"):
        loaded(tmp_path)


def test_folders_that_are_none(tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        opened(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="hold boxes, not mask"):
        opened(tmp_path, needs="mask")
    write(tmp_path / "VOCdevkit" / "VOC2007", "a")
    with pytest.raises(DataError, match=r"did you mean voc:.*VOC2007\?"):
        opened(tmp_path)
    with pytest.raises(
        DataError, match=r"an object of a picture, so there are no classes: write them into .*classes\.txt"
    ):
        opened(tmp_path / "VOCdevkit" / "VOC2007")
    (tmp_path / "VOCdevkit" / "VOC2007" / "JPEGImages" / "a.jpg").unlink()
    (tmp_path / "VOCdevkit" / "VOC2007" / "Annotations" / "a.xml").unlink()
    (tmp_path / "VOCdevkit" / "VOC2007" / "classes.txt").write_text("cat")
    with pytest.raises(DataError, match="holds no pictures"):
        opened(tmp_path / "VOCdevkit" / "VOC2007")


def test_lists_names_and_annotations_in_any_encoding(tmp_path):
    write(tmp_path, "mo\u0308we", ("mo\u0308we", 3, 4, 20, 18))
    for stem, encoding, declared in (("b", "utf-16", "utf-8"), ("c", "cp1252", "windows-1252"), ("d", "utf-8-sig", "")):
        write(tmp_path, stem, ("m\u00f6we", 3, 4, 20, 18))
        path = tmp_path / "Annotations" / f"{stem}.xml"
        front = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
        path.write_bytes((front + path.read_text(encoding="utf-8")).encode(encoding))
    write_list(tmp_path, "train", "")
    (tmp_path / "ImageSets" / "Main" / "train.txt").write_bytes("m\u00f6we  1\r\nb.jpg\r\nc\r\nd\r\n".encode("utf-16"))
    source = opened(tmp_path, "train")
    assert (source.names, source.class_names) == (["m\u00f6we", "b", "c", "d"], ("m\u00f6we",))
    assert not source.structural_faults
    assert [source.load(index).repairs for index in range(4)] == [()] * 4


def test_an_annotation_in_an_encoding_that_nobody_can_tell_is_a_fault(tmp_path):
    write(tmp_path, "a", CAT)
    write(tmp_path, "b", CAT, text=" ")
    (tmp_path / "Annotations" / "b.xml").write_bytes("<annotation>\n<x>\u00f6</x></annotation>".encode("cp1252"))
    ((name, sentence),) = scan(opened(tmp_path), quiet=True).faults
    assert name == "b"
    assert re.search(r"b\.xml is not written in UTF-8 \(line 2 .*encoding UTF-8", sentence)


def test_boxes_in_shares_of_the_picture_are_refused(tmp_path):
    write(tmp_path, "a", ("cat", 0.1, 0.2, 0.5, 0.75), ("cat", 0, 0, 1, 1))
    ((_, sentence),) = scan(opened(tmp_path), quiet=True).faults
    assert re.search(r"all boxes of .*a\.xml lie within 0 to 1, as shares .*multiply x and width by 32", sentence)


def test_sizes_in_place_of_corners_stop_every_run(tmp_path):
    write(tmp_path, "a", ("cat", 20, 10, 9, 9), ("cat", 15, 4, 10, 12))
    assert opened(tmp_path).doubts() == [], "two may be slips of the hand"
    write(tmp_path, "b", ("dog", 22, 15, 8, 6), ("dog", 3, 4, 20, 18))
    with pytest.raises(DataError, match=r"3 of 4 boxes end before they begin, but all fit as \[x, y, width, height\]"):
        checked_source(f"voc:{tmp_path}", needs="boxes", skip_bad=True, quiet=True)
    write(tmp_path, "c", ("dog", 30, 23, 3, 4))
    assert opened(tmp_path).doubts() == [], "corners from the other end"
