"""Panels show pictures beside what is true and what was found."""

import numpy as np

from metricfit.trainers.figures.boxes import boxes_figure
from metricfit.trainers.figures.maps import panels_figure
from metricfit.trainers.figures.panels import Picture
from metricfit.trainers.figures.rendering import to_png_array
from metricfit.trainers.figures.style import IGNORED
from metricfit.trainers.metrics import Found, Truth

from ..detections import NAMES


def test_panels_show_image_mask_and_prediction():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (20, 30, 3), np.uint8)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:9], mask[9:11] = 1, 255
    prediction = rng.random((20, 30))
    figure = panels_figure([Picture(image, mask, prediction, "a" * 40), Picture(image, None, prediction, "b")])
    pictures = [axes.images[0].get_array() for axes in figure.axes]
    assert len(pictures) == 6
    np.testing.assert_array_equal(pictures[0], image)
    np.testing.assert_array_equal(pictures[1][[0, 6, 10], 0, 0], [0, 1, IGNORED[0]])
    np.testing.assert_array_equal(pictures[2], prediction)
    assert np.all(pictures[4] == IGNORED[0])
    assert [axes.get_title() for axes in figure.axes[:3]] == ["Image", "Mask", "Prediction"]
    assert figure.axes[0].get_ylabel() == "…" + "a" * 21
    assert figure.axes[2].images[0].get_clim() == (0, 1)
    assert len(panels_figure([Picture(image, mask, prediction)] * 5).axes) == 15


def test_figure_of_boxes_shows_what_reaches_the_threshold():
    image = np.full((60, 90, 3), 40, np.uint8)
    truth = Truth([[5, 5, 40, 40], [50, 10, 80, 50]], [0, 1], difficult=[False, True])
    found = Found([[6, 5, 41, 40], [50, 10, 80, 50], [0, 0, 9, 9]], [0.9, 0.4, 0.1], [0, 1, 2])
    many = Found(np.tile([[5, 5, 20, 20]], (60, 1)), np.linspace(0.21, 0.8, 60), np.full(60, 2))
    pictures = [Picture(image, truth, one, name) for one, name in zip((found, found, many), "abc")]
    figure = boxes_figure(pictures, NAMES, thresholds=[0.5, 0.3, 0.2])
    written = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert written[:4] == [["cat", "dog"], ["cat 0.90", "dog 0.40"]] * 2
    assert written[5] == [f"{score:.2f}" for score in many.scores[:-16:-1]], "more of them hide each other"
    assert len(figure.axes[5].patches) == 2 * 40
    assert to_png_array(figure).std() > 5
