"""What a scan finds out about boxes: unusable ones, numbers by class, and what is worth a note."""

import numpy as np
import pytest

from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.scan.scanner import checked_source, scan
from metricfit.trainers.data.sources import SOURCES, SourceKind
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.data.targets.boxes import BoxFacts, BoxTarget, refuse_without_boxes
from metricfit.trainers.errors import DataError

NAMES = ("cat", "dog", "fox")


def example(boxes, classes=None, **more):
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    classes = np.array([0] * len(boxes) if classes is None else classes, np.int32)
    image = np.tile(np.arange(200, dtype=np.uint8)[:, None], (100, 1, 3))
    return Example(image, boxes=boxes, classes=classes, name="a", **more)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (example([[1, 2, 1, 4]]), r"box 1 of a is \[1.0, 2.0, 1.0, 4.0\], expected x0 < x1 and y0 < y1 within 200x100"),
        (example([[1, 2, 3, 4], [1, 2, np.nan, 4]]), "box 2 of a"),
        (example([[-1, 2, 3, 4]]), "box 1"),
        (example([[1, 2, 201, 4]]), "box 1"),
        (example([[1, 2, 3, 4]], [3]), r"class 3, the classes are 0\.\.2"),
        (example([[1, 2, 3, 4]], [-1]), "class -1"),
        (example([[1, 2, 3, 4]], [0, 1]), "1 box and 2 classes"),
        (example([[1, 2, 3, 4]], difficult=np.zeros(3, bool)), "1 box and 3 difficult"),
        (Example(np.zeros((9, 9, 3), np.uint8), boxes=np.zeros((0, 4)), name="a"), "0 boxes and none classes"),
        (Example(np.zeros((9, 9, 3), np.uint8), boxes=np.zeros(4), name="a"), r"shape \[n, 4\], got \(4,\)"),
    ],
)
def test_boxes_that_cannot_be_used(bad, said):
    with pytest.raises(DataError, match=said):
        BoxTarget().check(bad, NAMES)
    BoxTarget().check(example([[0, 0, 200, 100]], [2], crowd=np.array([True])), NAMES)


class Listed(Source):
    name, class_names, notes = "listed", NAMES, ("a note of its own",)

    def __init__(self, *examples):
        self.examples = examples
        self.names = [f"n{index}" for index in range(len(examples))]

    def __len__(self):
        return len(self.examples)

    def load(self, index):
        return self.examples[index]


def test_numbers_and_notes():
    faults = scan(
        Listed(
            example([[0, 0, 50, 50], [0, 0, 3, 50], [0, 0, 3, 3]], [1, 1, 0], difficult=np.array([False, False, True])),
            example([]),
            example([[0, 0, 0, 9]]),
            example([[0, 0, 50, 50]], repairs=("x", "y", "x")),
        ),
        quiet=True,
    )
    assert [name for name, _ in faults.faults] == ["n2"]
    facts = faults.facts["boxes"]
    assert (facts.pictures, facts.empty, facts.most, facts.tiny) == (3, 1, 3, 1)
    assert dict(facts.classes) == {1: 2, 0: 1}
    assert not faults.hopeless
    lines = faults.report().splitlines()[2:]
    assert lines == [
        "  boxes: 1 cat, 2 dog, 0 fox, 1 difficult or crowd (neither train nor count); at most 3 in a picture",
        "  repaired: x (2 times: n3)",
        "  repaired: y (1 time: n3)",
        "  note: a note of its own",
        "  note: 1 of 3 pictures has no objects: they train as background",
        "  note: no box of fox",
        "  note: 1 of 3 boxes is tiny, a side below 1/64 of the picture's (6 pixels at --size 384): a larger --size "
        "helps to find them",
    ]


def test_identical_boxes_are_counted():
    once = [[0, 0, 50, 50], [10, 10, 60, 60]]
    several = [
        example(once * 2, [0, 1, 0, 1]), example([once[0]] * 3, [0, 1, 0]), example(once),
        example([once[0]] * 2, difficult=np.array([False, True])),
    ]  # fmt: skip
    assert [BoxTarget().facts(one, NAMES).identical for one in several] == [2, 1, 0, 0]
    (note,) = [note for note in scan(Listed(*several), quiet=True).notes if "identical" in note]
    assert note.startswith("3 of 10 boxes are identical to one before in the same picture, in class and coordinates")


def test_boxes_that_are_not_asked_for_are_not_looked_at():
    odd = Listed(example([[0, 0, 0, 9]]), example([[0, 0, 50, 50]]))
    assert len(scan(odd, quiet=True).faults) == 1
    for needs in ("mask", "none"):
        faults = scan(odd, needs=needs, quiet=True)
        assert (faults.faults, faults.facts) == ([], {})


def test_names_of_the_repaired_are_cut_short_where_faults_are():
    faults = scan(Listed(*[example([[0, 0, 50, 50]], repairs=("x",))] * 5), quiet=True)
    assert "x (5 times: n0, n1, n2, ...)" in faults.report()
    assert "x (5 times: n0, n1, n2, n3, n4)" in faults.report(limit=None)


def test_pictures_without_any_box_are_a_warning(monkeypatch, caplog):
    monkeypatch.setitem(SOURCES, "listed", SourceKind("", lambda rest, needs: Listed(example([]), example([]))))
    with caplog.at_level("INFO", "metricfit"):
        checked_source("listed", needs="boxes", quiet=True)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "2 of 2 pictures have no objects" in caplog.text


DIFFICULT, CROWD = ({kind: np.array([True])} for kind in ("difficult", "crowd"))


def test_boxes_that_do_not_count_are_as_good_as_none(monkeypatch, caplog):
    uncounted = Listed(example([[0, 0, 50, 50]], **DIFFICULT), example([]), example([[0, 0, 9, 9]], **CROWD))
    faults = scan(uncounted, quiet=True)
    assert (faults.faults, faults.hopeless) == ([], True)
    assert "note: no box counts: all of them are difficult or crowds" in faults.report()
    monkeypatch.setitem(SOURCES, "listed", SourceKind("", lambda rest, needs: uncounted))
    with caplog.at_level("INFO", "metricfit"):
        checked_source("listed", needs="boxes", quiet=True)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_data_without_a_box_that_counts_are_refused():
    good, bare = example([[0, 0, 50, 50]]), example([])
    uncounted = [example([[0, 0, 50, 50]], **DIFFICULT), bare, example([[0, 0, 9, 9]], **CROWD)]
    refuse_without_boxes(Listed(*uncounted, good))
    for source in (Listed(), Listed(bare, bare), Listed(*uncounted), Listed(Example(good.image))):
        with pytest.raises(DataError, match=r"^none of the \d pictures? of listed has a box that counts .*: choose"):
            refuse_without_boxes(source)

    class Counted(Listed):
        box_counts, loaded = (0, 1, 1), ()

        def load(self, index):
            self.loaded = (*self.loaded, index)
            return self.examples[index]

    source = Counted(bare, good, good)
    refuse_without_boxes(source)
    assert source.loaded == (1,), "known to be empty, or not needed any more: not loaded"
    with pytest.raises(DataError, match="none of the 1 picture"):
        refuse_without_boxes(Subset(source, [0]))
    assert source.loaded == (1,)


def test_many_classes_are_not_all_listed():
    facts = BoxFacts(pictures=1, most=3)
    names = [f"c{index}" for index in range(14)]
    twelve = ", ".join(f"0 c{index}" for index in range(12))
    assert facts.line(names) == f"boxes: {twelve}, ... and 2 more; at most 3 in a picture"
    assert facts.line(names[:12]) == f"boxes: {twelve}; at most 3 in a picture"
