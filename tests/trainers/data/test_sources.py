"""Sources: parsing, subsets and the selection split."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from metricfit.trainers.data import sources
from metricfit.trainers.data.classes import with_class_names
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.sources import SOURCES, SourceKind, open_source, usual_needs
from metricfit.trainers.data.subset import Subset, split_for_selection
from metricfit.trainers.errors import UsageError


class Numbers(Source):
    """A source whose example i is a picture of the value i."""

    name = "numbers"
    class_names = ()

    def __init__(self, count):
        self.names = [f"n{index}" for index in range(count)]

    def __len__(self):
        return len(self.names)

    def load(self, index):
        image = np.full((2, 2, 3), index, np.uint8)
        return Example(image, image[..., 0] % 2, name=self.names[index])


@pytest.mark.parametrize("text", ["", "scene", "csv:x", "no:such:thing", "/data/photos"])
def test_unknown_source_is_answered_with_the_choices(text):
    with pytest.raises(UsageError) as caught:
        open_source(text)
    assert all(kind in str(caught.value) for kind in SOURCES)


def test_unknown_need_and_split():
    with pytest.raises(UsageError, match="mask, labels, boxes, none"):
        open_source("scenes", needs="depth")
    with pytest.raises(UsageError, match="train, val, test"):
        open_source("scenes:dev")


def test_the_rest_reaches_the_factory_with_its_colons(monkeypatch):
    seen = []
    monkeypatch.setitem(SOURCES, "folder", SourceKind("", lambda rest, needs: seen.append((rest, needs)) or Numbers(1)))
    open_source("folder:C:/photos:train", needs="none")
    assert seen == [("C:/photos:train", "none")]


def test_subset_keeps_order_names_and_examples():
    chosen = Subset(Numbers(9), [7, 2, 2])
    assert isinstance(chosen, Source)
    assert (len(chosen), list(chosen.names), chosen.name) == (3, ["n7", "n2", "n2"], "numbers")
    assert [int(chosen.load(index).image[0, 0, 0]) for index in range(3)] == [7, 2, 2]
    assert list(Subset(chosen, [1]).names) == ["n2"]
    assert len(Subset(Numbers(3), [])) == 0
    for outside in ([3], [-1]):
        with pytest.raises(UsageError, match=r"0\.\.2"):
            Subset(Numbers(3), outside)


def test_selection_split_is_a_partition_that_takes_every_tenth():
    training, selection = split_for_selection(Numbers(35))
    assert list(selection.names) == ["n9", "n19", "n29"]
    assert sorted([*training.names, *selection.names]) == sorted(Numbers(35).names)
    assert not set(training.names) & set(selection.names)
    assert list(split_for_selection(Numbers(4), every=2)[1].names) == ["n1", "n3"]
    with pytest.raises(UsageError, match="9 examples"):
        split_for_selection(Numbers(9))
    with pytest.raises(UsageError, match="numbers has 1 example, too few"):
        split_for_selection(Numbers(1))
    with pytest.raises(UsageError, match="at least 2"):
        split_for_selection(Numbers(9), every=1)


def test_reading_data_needs_no_tensorflow():
    code = (
        "import sys, metricfit.trainers.data.augmentation.masks\n"
        "from metricfit.trainers.data.sources import open_source\n"
        "open_source('scenes:val').load(3); assert 'tensorflow' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_registry_lists_the_documented_kinds():
    assert list(SOURCES) == [form.split(":")[0].split("[")[0] for form in sources.FORMS.split(", ")]


def test_help_texts_name_every_kind():
    root = Path(sources.__file__).parents[3]
    for file in ("app/flags.py", "trainers/training/config.py"):
        assert all(kind.form.split("train|")[0] in (root / file).read_text() for kind in SOURCES.values())


def test_a_kind_that_does_not_hold_what_is_needed_names_those_that_do(tmp_path):
    with pytest.raises(UsageError, match=r"^voc sources hold boxes, not masks: use folder:PATH\[:SPLIT\] for these$"):
        open_source(f"voc:{tmp_path}", needs="mask")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("voc:/data/VOC2007:train", "boxes"),
        ("coco:images,x.json", "boxes"),
        ("tfds:voc/2007:test", "boxes"),
        ("tfds:coco", "boxes"),
        ("tfds:coco_captions", "mask"),
        ("tfds:oxford_iiit_pet", "mask"),
        ("folder:voc", "mask"),
        ("scenes:val", "mask"),
        ("voces:x", "mask"),
    ],
)
def test_what_a_source_is_usually_asked_for(text, expected):
    assert usual_needs(text) == expected


class Boxed(Source):
    """Two classes in their own order, and who knows its counts."""

    name, class_names, names, box_counts = "boxed", ("cat", "ant"), ("a", "b"), (2, 3)

    def __len__(self):
        return 2

    def load(self, index):
        return Example(np.zeros((4, 4, 3), np.uint8), boxes=np.zeros((2, 4), np.float32), classes=np.array([0, 1]))


def test_classes_are_renumbered_by_name():
    assert with_class_names(Boxed(), ("cat", "ant")).load(0).classes.tolist() == [0, 1]
    other = with_class_names(Boxed(), ["ant", "bee", "cat"])
    assert isinstance(other, Source)
    assert (other.class_names, other.load(0).classes.tolist()) == (("ant", "bee", "cat"), [2, 0])
    assert list(other.box_counts) == [2, 3]
    with pytest.raises(UsageError, match="boxed has the class cat, expected only ant, dog"):
        with_class_names(Boxed(), ("ant", "dog"))


def test_a_subset_knows_the_counts_that_its_source_knows():
    assert list(Subset(Boxed(), [1, 1]).box_counts) == [3, 3]
    for what in ("box_counts", "box_bound"):
        assert getattr(Subset(Numbers(3), [1]), what) is None


def test_boxes_are_not_in_a_plain_folder(tmp_path):
    with pytest.raises(UsageError, match=r"not boxes: use voc:PATH\[:SPLIT\], yolo:PATH\[:SPLIT\], coco:IMAGES,JSON"):
        open_source(f"folder:{tmp_path}", needs="boxes")
