"""The contact sheet shows masks, boxes, ignored regions and faults."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from metricfit.trainers.colours import class_colours
from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.data.scan.contact_sheet import contact_sheet
from metricfit.trainers.data.scan.drawing import draw_example
from metricfit.trainers.errors import DataError, UsageError


def grey(height=40, width=60):
    return np.full((height, width, 3), 100, np.uint8)


class Few(Source):
    name, class_names = "folder:$few$", ()
    names = ("a", "b", "a very long name that would run into its neighbours", "bad")

    def __len__(self):
        return 4

    def load(self, index):
        if index == 3:
            raise DataError("mask bad.png is 1x1, its image is 2x2")
        mask = np.zeros((40, 60), np.uint8)
        mask[10:30, 20:50] = 1
        return Example(grey(), mask=mask, name=self.names[index])


def test_regions_are_drawn_where_they_are():
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, 30:50] = 1
    mask[:, :10] = 255
    drawn = draw_example(Example(grey(), mask=mask), cell=120).astype(int)
    assert drawn.shape == (80, 120, 3)
    assert tuple(drawn[40, 30]) == (100, 100, 100)
    assert drawn[40, 80, 0] > drawn[40, 80, 1] + 40
    assert drawn[40, 60].min() > 200, "outline"
    ignored = drawn[:, :18]
    assert (ignored.max(axis=2) == ignored.min(axis=2)).all()
    assert {121, 225} <= set(np.unique(ignored))


def test_boxes_and_classes_have_their_colours():
    boxes = np.array([[10, 5, 50, 35]], np.float32)
    drawn = draw_example(Example(grey(), boxes=boxes, classes=np.array([2], np.int32)), cell=60)
    assert tuple(drawn[5, 30]) == tuple(class_colours(3)[2])
    assert tuple(drawn[20, 30]) == (100, 100, 100)
    drawn = draw_example(
        Example(grey(), labels=np.repeat([[0, 1]], [30, 30], axis=1).repeat(40, axis=0).astype(np.uint8)), cell=60
    ).astype(int)
    assert np.abs(drawn[20, 10] - drawn[20, 50]).max() > 40


def test_ignored_boxes_are_dashed():
    boxes = np.array([[10, 5, 50, 35]], np.float32)
    plain = draw_example(Example(grey(), boxes=boxes, classes=np.array([0])), cell=60)
    crowd = draw_example(Example(grey(), boxes=boxes, classes=np.array([0]), crowd=np.array([True])), cell=60)
    colour, white = tuple(class_colours(1)[0]), (255, 255, 255)
    assert {tuple(pixel) for pixel in plain[5, 12:48]} == {colour}
    assert {tuple(pixel) for pixel in crowd[5, 12:48]} == {colour, white}
    assert tuple(crowd[20, 30]) == (100, 100, 100)
    # Boxes at the edge and smaller than the frame is thick.
    for box in ([0, 0, 60, 40], [59, 39, 60, 40], [30, 20, 30.2, 20.2]):
        draw_example(Example(grey(), boxes=np.array([box], np.float32), crowd=np.array([True])), cell=60)


def test_a_page_is_written(tmp_path):
    sheet = contact_sheet(Few(), tmp_path / "new" / "sheet.png", count=10, columns=3, title="what it holds")
    path = sheet.path
    assert (path, sheet.shown) == (tmp_path / "new" / "sheet.png", 4)
    assert sheet.faults == (("bad", "mask bad.png is 1x1, its image is 2x2"),)
    with Image.open(path) as page:
        pixels = np.asarray(page.convert("RGB")).astype(int)
    assert pixels.shape[1] > 3 * 200
    assert (pixels[..., 0] > pixels[..., 1] + 50).mean() > 0.02, "the tint is on the page"
    assert [file.name for file in path.parent.iterdir()] == ["sheet.png"]


def test_examples_are_spread_over_the_source(tmp_path):
    seen = []

    class Many(Few):
        names = tuple(str(number) for number in range(100))

        def __len__(self):
            return 100

        def load(self, index):
            seen.append(index)
            return super().load(0)

    contact_sheet(Many(), tmp_path / "sheet.png", count=4)
    assert seen == [0, 33, 66, 99]


class Streets(Source):
    """Two classes in each picture, as labels and as boxes, and a mask as well."""

    name, names = "streets", ("a", "b")

    def __init__(self, *class_names):
        self.class_names = class_names

    def __len__(self):
        return 2

    def load(self, index):
        labels = np.zeros((40, 60), np.uint8)
        labels[10:30, 20:50] = index + 1
        boxes, classes = np.array([[20, 10, 50, 30]], np.float32), np.array([index + 1], np.int32)
        return Example(grey(), (labels > 0).astype(np.uint8), labels, boxes, classes, self.names[index])


def texts(monkeypatch, source, path, needs):
    """Draw a page and give every text on it."""
    from matplotlib.figure import Figure
    from matplotlib.text import Text

    found = []

    def look(figure, *_, **__):
        found.extend(text.get_text() for text in figure.findobj(Text))

    monkeypatch.setattr(Figure, "savefig", lambda figure, file, **_: (look(figure), file.write_bytes(b"page")))
    contact_sheet(source, path, needs=needs)
    return found


def test_classes_are_named_in_a_legend_and_at_boxes(monkeypatch, tmp_path):
    named = Streets("background", "car", "bus", "tram")
    for needs, expected in (("labels", True), ("boxes", True), ("mask", False), ("none", False)):
        found = texts(monkeypatch, named, tmp_path / "sheet.png", needs)
        assert ({"car", "bus"} <= set(found)) == expected, needs
        assert not {"background", "tram"} & set(found), needs
    assert {"sky", "class 1", "class 2"} <= set(texts(monkeypatch, Streets("sky"), tmp_path / "sheet.png", "labels"))


def test_many_boxes_are_named_in_the_legend_instead(monkeypatch, tmp_path):
    class Crowded(Streets):
        def load(self, index):
            example = super().load(index)
            return replace(
                example,
                boxes=np.repeat(example.boxes, 8, axis=0),
                classes=np.repeat(example.classes, 8),
                difficult=np.arange(8) == 2,
            )

    found = texts(monkeypatch, Crowded("sky", "car", "bus"), tmp_path / "sheet.png", "boxes")
    assert (found.count("car"), found.count("bus"), found.count("sky")) == (1, 1, 0)
    assert any("8 boxes, 1 ignored" in text for text in found)


def test_background_is_left_untinted_where_it_is_called_so():
    example = Example(grey(), labels=np.zeros((40, 60), np.uint8))
    assert (draw_example(example, 60, ("background", "car")) == 100).all()
    assert (draw_example(example, 60, ("sky", "car")) != 100).any()


def test_refusals(tmp_path):
    with pytest.raises(UsageError, match="needs='depth'"):
        contact_sheet(Few(), tmp_path / "sheet.png", needs="depth")
    with pytest.raises(UsageError, match=r"\.png or \.jpg"):
        contact_sheet(Few(), tmp_path / "sheet.pdf")
    with pytest.raises(UsageError, match="count=0"):
        contact_sheet(Few(), tmp_path / "sheet.png", count=0)
