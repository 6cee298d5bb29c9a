"""What reliability diagrams show."""

import numpy as np
import pytest

from metricfit.trainers.figures.reliability import box_reliability_figure, pixel_reliability_figure
from metricfit.trainers.metrics.calibration.boxes import box_calibration
from metricfit.trainers.metrics.calibration.reliability import Reliability

from ..detections import random_pictures


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_pixels_have_a_dot_a_bin_and_their_counts():
    found = Reliability.of(np.array([0.1] * 30 + [0.9] * 1200), np.repeat([1.0, 0.0], [30, 1200]), 15)
    figure = pixel_reliability_figure(found, "model", "salient", temperature=2.5, title="Epoch 1")
    axes, strip = figure.axes
    np.testing.assert_allclose(axes.collections[-1].get_offsets(), [[0.1, 1.0], [0.9, 0.0]])
    assert axes.get_title("left") == f"model: pixel ECE {found.error:.3f}, best temperature 2.50"
    assert axes.get_ylabel() == "Share of the pixels that are salient"
    assert texts(strip) == ["30", "1.2k"]


def test_boxes_have_precision_and_iou():
    found = box_calibration(random_pictures(count=20), ("cat", "dog", "owl"), np.full(3, 0.3))
    figure = box_reliability_figure(found, "model")
    left, right, *strips = figure.axes
    assert left.get_title("left") == f"model: D-ECE {found.detection_ece:.3f}"
    assert right.get_title("left") == f"LaECE_0 {found.laece_0:.3f}, LaACE_0 {found.laace_0:.3f} (by class)"
    for axes, strip, bins in zip((left, right), strips, (found.precision, found.iou)):
        assert len(axes.collections[-1].get_offsets()) == np.count_nonzero(bins.counts) == len(texts(strip))


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_judge_is_said(count):
    found = box_calibration(random_pictures(count=count), ("cat", "dog", "owl"), np.full(3, np.inf))
    left = box_reliability_figure(found, "model").axes[0]
    assert left.get_title("left") == "model: nothing to judge"
