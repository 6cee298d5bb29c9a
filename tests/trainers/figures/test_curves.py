"""Curves over the threshold or over recall, and histories, show what they are given: read back from their lines."""

import math

import numpy as np
import pytest

from metricfit.trainers.figures.history import history_figure
from metricfit.trainers.figures.precision_recall import precision_recall_figure
from metricfit.trainers.figures.rendering import to_png_array
from metricfit.trainers.figures.thresholds import confidence_figure, threshold_figure
from metricfit.trainers.metrics import LRP, CocoAP, FMeasureCurve, Found, Truth

from ..detections import NAMES, random_pictures, row


def result(scale, seed=0):
    rng = np.random.default_rng(seed)
    curve = FMeasureCurve()
    for _ in range(3):
        mask = (rng.random((24, 24)) < 0.3).astype(np.uint8)
        curve.update((1 / (1 + np.exp(-scale * (mask - 0.5 + rng.normal(0, 0.4, mask.shape))))), mask)
    return curve.result()


def test_threshold_figure_draws_every_curve_circle_and_band():
    scored = result(9)
    figure = threshold_figure(scored, "FLoss", title="val")
    lines = figure.axes[0].lines
    curves = [line for line in lines if len(line.get_xdata()) == 256]
    assert len(curves) == 3
    assert [line.get_linestyle() for line in curves if np.array_equal(line.get_ydata(), scored.f)] == ["-"]
    assert any(np.array_equal(line.get_ydata(), scored.precision) for line in curves)
    assert any(np.array_equal(line.get_ydata(), scored.recall) for line in curves)
    circle = next(line for line in lines if line.get_marker() == "o")
    assert (circle.get_xdata()[0], circle.get_ydata()[0]) == (scored.optimal_threshold, scored.max_f)
    assert any(tuple(line.get_xdata()) == scored.band for line in lines)
    (text,) = figure.legends[0].get_texts()
    at = f"{scored.max_f:.3f} at {scored.optimal_threshold:.2f}"
    assert text.get_text() == f"FLoss: MaxF {at}, MeanF {scored.mean_f:.3f}"


def curves(count, scale=1.0, classes=3):
    coco, lrp = CocoAP([f"class {index}" for index in range(classes)]), LRP(NAMES)
    for truth, found in random_pictures(seed=count, count=count, scale=scale):
        coco.update(truth, found)
        lrp.update(truth, found)
    return coco.result(), lrp.result()


def test_confidence_figure_is_logarithmic_where_scores_are_small():
    _, plain = curves(30)
    _, crowded = curves(30, scale=0.01)
    figure = confidence_figure(crowded, "alrp")
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    # From well below the best threshold to all that is found.
    left, right = axes.get_xlim()
    last = crowded.thresholds[crowded.f1_curve > 0].max()
    assert (left, right) == pytest.approx((crowded.f1_threshold / 100, 3 * last))
    assert 0 < left < crowded.band[0] < crowded.band[1] < last < right < 0.05
    assert to_png_array(figure).std() > 5
    (text,) = figure.legends[0].get_texts()
    assert text.get_text() == f"alrp: F1 {crowded.f1:.3f} at {crowded.f1_threshold:.3g}, oLRP {crowded.olrp:.3f}"
    (axes,) = confidence_figure(plain, "focal").axes
    assert (axes.get_xscale(), axes.get_xlim()) == ("linear", (0, 1))
    circles = [(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "o"]
    assert circles == [(plain.f1_threshold, plain.f1), (plain.lrp_threshold, plain.lrp)]
    nothing = LRP(("cat",))
    nothing.update(Truth(row(100), [0]), Found(np.zeros((0, 4)), [], []))
    assert to_png_array(confidence_figure(nothing.result(), "untrained")).std() > 5


def test_precision_recall_figure_averages_and_tells_classes_apart():
    coco, _ = curves(30)
    figure = precision_recall_figure(coco, title="Epoch 1")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["Average of 3 classes", "By class, IoU ≥ 0.5"]
    assert to_png_array(figure).std() > 5
    many = CocoAP([f"class {index}" for index in range(12)])
    for truth, found in random_pictures(count=80, classes=12):
        many.update(truth, found)
    scored = many.result()
    right = precision_recall_figure(scored).axes[1]
    best = sorted(scored.class_ap50, reverse=True)
    shown = [float(text.get_text().split(": ")[1]) for text in right.get_legend().get_texts()]
    assert shown == pytest.approx(best[:3] + best[-3:], abs=5e-4)
    for line in right.lines:
        assert any(np.array_equal(line.get_ydata(), scored.curve(0.5, index)) for index in range(12))
    single = CocoAP(("cat",))
    single.update(Truth(row(100), [0]), Found(row(90), [0.5], [0]))
    assert len(precision_recall_figure(single.result()).axes) == 1


def test_history_pairs_training_with_validation():
    rows = [
        {"epoch": "1", "seconds": "3", "loss": "0.5", "val_loss": "0.7", "val_max_f": ""},
        {"epoch": "2", "seconds": "3", "loss": "0.4", "val_loss": "0.6", "val_max_f": "0.8"},
    ]
    figure = history_figure(rows)
    assert [axes.get_title() for axes in figure.axes] == ["Loss", "MaxF"]
    assert [line.get_ydata().tolist() for line in figure.axes[0].lines] == [[0.5, 0.4], [0.7, 0.6]]
    assert figure.axes[1].lines[0].get_ydata().tolist() == [0.8]
    assert figure.axes[0].lines[0].get_xdata().tolist() == [1, 2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation"]
    alone = history_figure([{"epoch": 1, "loss": 0.5, "training_seconds": 2}])
    assert [text.get_text() for text in alone.legends[0].get_texts()] == ["training"]
    assert len(alone.axes) == 1
    assert alone.axes[0].get_xticks().tolist() == [1]
    with pytest.raises(ValueError, match="no rows"):
        history_figure([])


def test_history_goes_on_over_epochs_that_were_not_measured():
    values = enumerate((0.1, math.nan, 0.3), start=1)
    (axes,) = history_figure([{"epoch": epoch, "val_ap": value, "val_ar": 0.5} for epoch, value in values]).axes
    (line,) = axes.lines
    assert line.get_xdata().tolist() == [1, 3]
