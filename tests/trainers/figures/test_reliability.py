"""What reliability diagrams show."""

import numpy as np
import pytest

from metricfit.trainers.figures.reliability import box_reliability_figure, pixel_reliability_figure
from metricfit.trainers.metrics.calibration.reliability import Reliability

from ..detections import box_calibration, random_pictures


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_pixels_have_a_dot_a_bin_and_their_counts():
    found = Reliability.of(np.array([0.1] * 30 + [0.9] * 1200), np.repeat([1.0, 0.0], [30, 1200]), 15)
    tempered = Reliability.of(np.array([0.4, 0.6]), np.array([0.5, 0.5]), 15)
    figure = pixel_reliability_figure(found, "model", "salient", temperature=2.5, tempered=tempered, title="Epoch 1")
    axes, strip = figure.axes
    np.testing.assert_allclose(axes.collections[-1].get_offsets(), [[0.1, 1.0], [0.9, 0.0]])
    assert (
        axes.get_title("left") == f"model: pixel ECE {found.error:.3f}, best temperature 2.50, pixel ECE with it 0.100"
    )
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0.4, 0.5], [0.6, 0.5]])
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


def test_boxes_before_calibration_are_drawn_as_rings():
    pictures = random_pictures(count=20)
    before, found = (box_calibration(pictures, ("cat", "dog", "owl"), np.full(3, cut)) for cut in (0.2, 0.4))
    left, right, *_ = box_reliability_figure(found, "model", before=before).axes
    assert left.get_title("left").endswith(f" ({before.detection_ece:.3f} before)")
    for axes, bins in ((left, before.precision), (right, before.iou)):
        there = bins.counts > 0
        wanted = np.stack([bins.confidence[there], bins.outcome[there]], axis=1)
        np.testing.assert_allclose(axes.lines[0].get_xydata(), wanted)


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_judge_is_said(count):
    found = box_calibration(random_pictures(count=count), ("cat", "dog", "owl"), np.full(3, np.inf))
    left = box_reliability_figure(found, "model").axes[0]
    assert left.get_title("left") == "model: nothing to judge"
