"""Several sources as one."""

import numpy as np
import pytest

from metricfit.trainers.data import sources
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.scan.scanner import checked_source, scan
from metricfit.trainers.data.sources import SourceKind, open_source, split_texts, usual_needs
from metricfit.trainers.data.targets.boxes import most_boxes
from metricfit.trainers.errors import DataError, UsageError

from .test_folder import write_pairs


class Boxes(Source):
    """Two pictures with one box of each class, made of what follows the colon."""

    notes = ("drawn by hand",)

    def __init__(self, rest, needs):
        self.name, self.class_names, self.names = f"boxes:{rest}", tuple(rest), ["a", "b"]
        self.box_counts = [len(rest)] * 2
        self.structural_faults = ((rest, f"{rest} is odd"),)
        self.repaired = {"box cut": len(rest)}

    def __len__(self):
        return 2

    def load(self, index):
        image = np.full((8, 8, 3), 10 * len(self.class_names) + index, np.uint8)
        boxes = np.tile(np.array([[0, 0, 4, 4]], np.float32), (len(self.class_names), 1))
        labels = np.zeros((8, 8), np.uint8)
        return Example(
            image, boxes=boxes, classes=np.arange(len(boxes), dtype=np.int32), labels=labels, name=self.names[index]
        )


class Bounded(Boxes):
    """The same, which knows a bound alone."""

    def __init__(self, rest, needs):
        super().__init__(rest, needs)
        del self.box_counts
        self.box_bound = 7


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(sources.SOURCES, "boxes", SourceKind("boxes:NAMES", Boxes))
    monkeypatch.setitem(sources.SOURCES, "bounded", SourceKind("bounded:NAMES", Bounded))


def test_examples_stand_one_source_after_the_other():
    joined = open_source("scenes:val + scenes:test")
    first, second = open_source("scenes:val"), open_source("scenes:test")
    assert (joined.name, len(joined)) == ("scenes:val + scenes:test", len(first) + len(second))
    for index, (source, within) in {0: (first, 0), 199: (first, 199), 200: (second, 0), -1: (second, 199)}.items():
        example, expected = joined.load(index), source.load(within)
        np.testing.assert_array_equal(example.image, expected.image)
        np.testing.assert_array_equal(example.mask, expected.mask)
        assert example.name == joined.names[index] == f"{source.name}/{expected.name}"
    assert len(set(joined.names)) == len(joined)
    assert joined.partner_name(200) == joined.names[200]
    with pytest.raises(IndexError):
        joined.load(400)


def test_boxes_of_classes_of_the_same_name_become_one_class():
    joined = open_source("boxes:ab + boxes:cb", needs="boxes")
    assert joined.class_names == ("a", "b", "c")
    assert [joined.load(index).classes.tolist() for index in range(4)] == [[0, 1], [0, 1], [2, 1], [2, 1]]
    assert list(joined.box_counts) == [2, 2, 2, 2]
    assert most_boxes(open_source("boxes:abc + bounded:a", needs="boxes")) == 7
    assert open_source("boxes:abc + bounded:a", needs="boxes").box_counts is None


def test_a_scan_reports_what_every_source_knows():
    found = scan(open_source("boxes:a + boxes:bc", needs="boxes"), needs="boxes", quiet=True)
    assert found.total == 4
    assert found.faults == [("boxes:a/a", "a is odd"), ("boxes:bc/bc", "bc is odd")]
    assert found.repaired == {"box cut": 3}
    assert found.remarks == ("boxes:a: drawn by hand", "boxes:bc: drawn by hand")


def test_files_beside_scenes_are_scanned_before_the_work():
    with pytest.raises(DataError, match="a is odd"):
        checked_source("scenes:val + boxes:a", needs="boxes", quiet=True)


def test_class_maps_are_joined_by_their_values_alone():
    with pytest.raises(UsageError, match=r"classes a, b, boxes:ba b, a: .*classes\.txt"):
        open_source("boxes:ab + boxes:ba", needs="labels")
    with pytest.raises(UsageError, match="boxes:ab is named twice"):
        open_source("boxes:ab + boxes:ab", needs="labels")


def test_a_plus_sign_in_a_path_is_part_of_it():
    assert split_texts(" folder:cats + dogs:train  +  scenes ") == ["folder:cats + dogs:train", "scenes"]
    assert split_texts("folder:a+b") == ["folder:a+b"]
    assert split_texts("folder:x + scenes_of_mine") == ["folder:x + scenes_of_mine"]
    assert usual_needs("voc:x + coco:y,z.json") == "boxes"
    with pytest.raises(UsageError, match=r"there is no folder 'nonsense' \(looked in .*data are the path of a folder"):
        open_source("nonsense + scenes:val")


def test_one_source_in_two_spellings_is_named_twice(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_pairs(tmp_path / "photos", ["a"])
    for other in ("folder:photos", "folder:./photos", f"folder:{tmp_path}/photos", "folder:photos/"):
        with pytest.raises(UsageError, match="is named twice"):
            open_source(f"folder:photos + {other}")
