"""`voc:PATH[:SPLIT]` where pictures and XML files lie in other folders than VOC's own, or in one."""

import numpy as np
import pytest

from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source, usual_needs
from metricfit.trainers.data.sources.annotations import CASE
from metricfit.trainers.errors import DataError

from .trees import check, picture, write, xml


def boxes(text):
    return open_source(text, needs="boxes")


def files(folder, images, annotations, stems="abcd"):
    for stem in stems:
        picture(folder / images / f"{stem}.jpg", stem)
        write(folder / annotations / f"{stem}.xml", xml(stem))


@pytest.mark.parametrize(
    ("images", "annotations"),
    [
        ("", ""),
        ("images", "annots"),
        ("images", "annotations"),
        ("Images", "Annotations"),
        ("JPEGImages", "Annotations"),
        ("images", "annotations/xmls"),
        ("dataset/photos", "dataset/labels_xml"),
        ("train", "train"),
    ],
    ids=["one folder", "annots", "annotations", "capitals", "devkit", "pets", "deep", "only a part"],
)
def test_wherever_the_files_lie(tmp_path, images, annotations):
    files(tmp_path, images, annotations)
    # What else people keep there is no picture with boxes.
    write(tmp_path / "annotations/notes.txt", "a b c")
    picture(tmp_path / "annotations/trimaps/a.png", "a")
    for text in (f"voc:{tmp_path}", str(tmp_path)):
        check(boxes(text), "abcd")
    assert "(voc)" in boxes(str(tmp_path)).recognised[0]
    assert usual_needs(str(tmp_path)) == "boxes"
    assert scan(boxes(f"voc:{tmp_path}"), quiet=True).faults == []
    assert len(open_source(f"voc:{tmp_path}", needs="none")) == 4


def test_subfolders_may_have_pictures_of_the_same_name(tmp_path):
    for place in ("cats", "dogs/old", "狗"):
        files(tmp_path, f"images/{place}", f"annots/{place}", "ab")
    names = [f"{place}/{stem}" for place in ("cats", "dogs/old", "狗") for stem in "ab"]
    check(boxes(f"voc:{tmp_path}"), "ababab", names)


def test_roboflow(tmp_path):
    for part, stems in (("train", "ad"), ("valid", "b"), ("test", "c")):
        files(tmp_path, part, part, stems)
    check(boxes(f"voc:{tmp_path}:train"), "ad")
    check(boxes(f"{tmp_path}:val"), "b")
    # Classes are those of all parts, so that the parts agree.
    check(boxes(f"{tmp_path}:test"), "c")
    for text in (f"voc:{tmp_path}", str(tmp_path)):
        with pytest.raises(DataError, match=r"has the parts test, train, valid.*: name one, "):
            boxes(text)


def test_a_list_chooses(tmp_path):
    files(tmp_path, "images/x", "annots/x")
    write(tmp_path / "val.txt", "images/x/d.jpg\nB\nz\n")
    source = boxes(f"voc:{tmp_path}:val")
    check_names = [(source.names[index], source.load(index).repairs) for index in range(2)]
    assert check_names == [("d", ()), ("b", (CASE,))]
    assert [name for name, _ in source.structural_faults] == ["z"]
    with pytest.raises(DataError, match="for the part test"):
        boxes(f"voc:{tmp_path}:test")


def test_faults(tmp_path):
    files(tmp_path, "", "")
    (tmp_path / "a.xml").unlink()
    (tmp_path / "b.jpg").unlink()
    picture(tmp_path / "c.png", "c")
    faults = dict(scan(boxes(f"voc:{tmp_path}"), quiet=True).faults)
    assert faults.keys() == {"a", "b.xml", "c"}
    assert "a.jpg has no annotation file a.xml: add it" in faults["a"]
    assert "b.xml has no picture of the same name" in faults["b.xml"]
    assert "c.jpg and c.png share the name c" in faults["c"]


def test_a_folder_of_several_years_is_not_guessed_at(tmp_path):
    files(tmp_path, "VOC2007/JPEGImages", "VOC2007/Annotations")
    with pytest.raises(DataError, match=r"did you mean voc:.*VOC2007\?"):
        boxes(f"voc:{tmp_path}")
    check(boxes(f"{tmp_path}/VOC2007"), "abcd")


def test_boxes_are_those_of_supervision(tmp_path):
    supervision = pytest.importorskip("supervision")
    files(tmp_path, "images", "annots")
    source = boxes(f"voc:{tmp_path}")
    oracle = supervision.DetectionDataset.from_pascal_voc(str(tmp_path / "images"), str(tmp_path / "annots"))
    for index, (path, _, found) in enumerate(sorted(oracle, key=lambda one: one[0])):
        assert path.endswith(f"{source.names[index]}.jpg")
        np.testing.assert_allclose(source.load(index).boxes, np.reshape(found.xyxy, (-1, 4)))
        kinds = [oracle.classes[kind] for kind in found.class_id]
        assert [source.class_names[kind] for kind in source.load(index).classes] == kinds
