"""Figures of class maps: colours by class, legends, bars and shares."""

import numpy as np
import pytest

from metricfit.trainers.colours import class_palette
from metricfit.trainers.figures.class_bars import class_ap_figure, class_iou_figure
from metricfit.trainers.figures.classes import label_panels_figure
from metricfit.trainers.figures.confusion import confusion_figure
from metricfit.trainers.figures.panels import Picture
from metricfit.trainers.figures.rendering import to_png_array
from metricfit.trainers.figures.style import IGNORED
from metricfit.trainers.metrics import Jaccard
from metricfit.trainers.metrics.confusion import Confusion

NAMES = ("background", "car", "sign", "nowhere")


@pytest.fixture
def result():
    metric = Jaccard(NAMES)
    labels = np.repeat([[0, 1, 2, 255]], 10, axis=0)
    predicted = np.repeat([[0, 1, 1, 2]], 10, axis=0)
    predicted[:4, 1] = 0
    metric.update(labels, predicted)
    return metric.result()


def test_panels_show_each_class_in_its_colour():
    labels, found = np.array([[0, 1], [255, 2]]), np.array([[0, 1], [1, 1]])
    image = np.zeros((2, 2, 3), np.uint8)
    figure = label_panels_figure([Picture(image, labels, found, "one")], NAMES, title="Epoch 1")
    assert [axes.get_title() for axes in figure.axes] == ["Image", "Truth", "Prediction"]
    truth, prediction = (figure.axes[index].images[0].get_array() for index in (1, 2))
    palette = class_palette(NAMES) / 255
    np.testing.assert_allclose(truth, [[palette[0], palette[1]], [IGNORED, palette[2]]])
    np.testing.assert_allclose(prediction[1, 0], palette[1])
    assert [text.get_text() for text in figure.legends[0].texts] == ["background", "car", "sign", "ignored"]
    assert to_png_array(figure).shape[2] == 3
    assert len(label_panels_figure([Picture(image, labels, found)] * 4, NAMES).axes) == 12


def test_the_palette_is_the_same_for_any_number_of_classes():
    np.testing.assert_array_equal(class_palette([f"c{n}" for n in range(30)])[:5], class_palette(["c0"] * 5))
    assert len({tuple(colour) for colour in class_palette([f"c{n}" for n in range(30)])}) == 30
    assert class_palette(("background", "car"))[0].max() < 50


def test_bars_are_the_iou_of_the_classes(result):
    figure = class_iou_figure(result, "Lovász")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["background", "car", "sign"]
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], [10 / 14, 6 / 20, 0])
    assert figure.legends[0].texts[0].get_text() == f"Lovász: mIoU {(10 / 14 + 6 / 20) / 3:.3f}"


def test_rows_of_a_confusion_add_up_to_one(result):
    axes = confusion_figure(Confusion(result.confusion, NAMES), title="Epoch 1").axes[0]
    shares = np.ma.filled(axes.images[0].get_array().astype(float), np.nan)
    np.testing.assert_allclose(shares[:3], [[1, 0, 0, 0], [0.4, 0.6, 0, 0], [0, 1, 0, 0]])
    assert np.isnan(shares[3]).all()
    assert sorted(text.get_text() for text in axes.texts) == ["100", "100", "40", "60"]


def test_a_background_stands_behind_a_line():
    """Of detectors: what is found where nothing is, and what is not found."""
    table = Confusion.with_background(np.array([[3, 1, 4], [0, 0, 0], [6, 2, 0]]), ("cat", "dog"))
    axes = confusion_figure(table).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog", "background"]
    assert {tuple(map(float, line.get_xdata())) for line in axes.lines} == {(0, 1), (1.5, 1.5)}
    assert sorted(text.get_text() for text in axes.texts) == ["12", "25", "38", "50", "75"]
    without = confusion_figure(Confusion(table.counts, table.names)).axes[0]
    assert not without.lines, "pixels are always of a class"


@pytest.mark.parametrize("count", [1, 24, 80])
def test_matrices_of_any_size_keep_their_names(count):
    counts = np.eye(count + 1, dtype=int)
    figure = confusion_figure(Confusion.with_background(counts, [f"kind {index}" for index in range(count)]))
    drawn = to_png_array(figure)
    axes = figure.axes[0]
    room = figure.bbox
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        box = label.get_window_extent()
        assert 0 <= box.x0 < box.x1 <= room.x1
        assert 0 <= box.y0 < box.y1 <= room.y1
        assert not box.overlaps(figure.texts[-1].get_window_extent()), "the axis' own name"
    heights = np.diff([label.get_window_extent().y0 for label in axes.get_yticklabels()])
    assert abs(heights).min() > 6
    assert max(drawn.shape) < 4000


def test_bars_of_ap_have_their_intervals():
    classes = {
        "cat": {"ap": 0.5, "ap_low": 0.4, "ap_high": 0.7, "objects": 12.0},
        "dog": {"ap": 0.25, "objects": 1.0},
        "owl": {"objects": 0.0},
    }
    axes = class_ap_figure(classes, 0.375, "focal").axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat (12)", "dog (1)"]
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.25]
    dotted, line = axes.lines
    assert dotted.get_xdata()[0] == 0.375
    assert list(line.get_xdata()) == [0.4, 0.7]
    assert set(line.get_ydata()) == {0}
    assert "95 %" in axes.get_xlabel()
    assert "95 %" not in class_ap_figure({"dog": classes["dog"]}, 0.25, "focal").axes[0].get_xlabel()
