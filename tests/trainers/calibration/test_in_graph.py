"""Curves in a graph give what NumPy gives, and keep the order in float32, too."""

import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.calibration.curves import Calibration, Curve, probability
from metricfit.trainers.calibration.fitting import FITS
from metricfit.trainers.calibration.in_graph import as_written, calibrated, table
from metricfit.trainers.models.detector.detect import detections
from metricfit.trainers.models.detector.suppression import USUAL, Suppression

from .test_curves import STEEP, random_curve

NARROW = Curve((-2.6, -2.599), (-4.0, 4.0), (0.01, 0.01))


def calibration():
    rng = np.random.default_rng(0)
    return Calibration("isotonic", "precision", (STEEP, random_curve(rng, 50), NARROW), (9, 9, 9))


def test_a_graph_gives_what_numpy_gives_and_keeps_the_order():
    rng = np.random.default_rng(1)
    at = np.sort(np.concatenate([rng.uniform(-30, 17, 4000), rng.uniform(-2.61, -2.59, 4000)])).astype(np.float32)
    for index, curve in enumerate(calibration().curves):
        found = calibrated(tf.constant(at), tf.fill([len(at)], index), table(calibration())).numpy()
        assert (np.diff(found) >= 0).all()
        np.testing.assert_allclose(found, curve(at), atol=5e-3 if curve is NARROW else 2e-5)


@pytest.mark.parametrize("method", FITS)
def test_curves_of_scores_that_hardly_differ_give_in_a_graph_what_they_give(method):
    """A collapsed network's scores differ by roundings: a curve through these would be steeper than float32 is fine."""
    for spread in (1e-15, 1e-9, 1e-7, 1e-5, 1e-4):
        at = np.float64(-0.85) + spread * np.repeat([0, 1], 100)
        curve = FITS[method](at, np.repeat([0.0, 1.0], 100))
        one, shown = Calibration(method, "precision", (curve,), (200,)), np.unique(at.astype(np.float32))
        found = calibrated(tf.constant(shown), tf.zeros(len(shown), tf.int32), table(one)).numpy()
        np.testing.assert_allclose(probability(found), probability(curve(shown)), atol=1e-3)


def test_what_is_written_first_changes_nothing_and_is_like_no_other():
    at = tf.constant(np.random.default_rng(2).normal(0, 30, 100).astype(np.float32))
    found = calibrated(at, tf.range(100) % 3, as_written(3))
    np.testing.assert_array_equal(tf.sigmoid(found), tf.sigmoid(at))
    assert len(np.unique(as_written(3))) > 90


@pytest.mark.parametrize("suppression", [USUAL, Suppression("soft-linear")])
@pytest.mark.parametrize("top", [8, 12, 16])
def test_scores_near_1_are_calibrated_as_those_that_the_curves_were_fitted_to(top, suppression):
    logits = np.random.default_rng(top).normal(top, 1.0, (1, 200, 1)).astype(np.float32)
    apart = np.arange(200, dtype=np.float32)[:, None] * [40, 0, 40, 0] + [0, 0, 20, 20]
    curves = Calibration("platt", "precision", (Curve((float(top),), (0.0,), (1.5, 1.5)),), (9,))
    told = {"suppression": suppression, "calibration": None}
    plain, found = (
        detections(logits, np.zeros((1, 200, 4)), apart, 8000, **told | {"calibration": one}) for one in (None, curves)
    )
    wanted = curves.scores(plain[1][0].numpy(), np.zeros(100, int))
    np.testing.assert_allclose(np.sort(found[1][0]), np.sort(wanted), atol=1e-6)


@pytest.mark.parametrize("batch", [1, 3])
def test_detections_are_chosen_as_before_and_put_in_the_order_of_calibrated_scores(batch):
    rng = np.random.default_rng(3)
    anchors = np.concatenate([corner := rng.uniform(0, 200, (60, 2)), corner + 40], axis=1).astype(np.float32)
    logits = rng.normal(-2.5, 0.4, (batch, 60, 3)).astype(np.float32)
    logits[0, :9] = 30 + np.arange(9)[:, None]  # whose scores are all 1
    deltas = np.zeros((batch, 60, 4), np.float32)
    plain = detections(logits, deltas, anchors, 256)
    found = detections(logits, deltas, anchors, 256, calibration=calibration())
    assert plain[3].numpy().tolist() == found[3].numpy().tolist()
    for index in range(batch):
        count = int(found[3][index])
        boxes, scores, classes = (part[index, :count].numpy() for part in found[:3])
        before = [part[index, :count].numpy() for part in plain[:3]]
        assert (np.diff(scores) <= 0).all()
        np.testing.assert_array_equal(found[1][index, count:], 0)
        np.testing.assert_array_equal(found[2][index, count:], -1)
        for kind in range(3):
            own, same = classes == kind, before[2] == kind
            np.testing.assert_array_equal(boxes[own], before[0][same])
            wanted = calibration().scores(before[1][same], before[2][same])
            np.testing.assert_allclose(scores[own], wanted, atol=1e-4)


def test_another_number_of_classes_is_refused():
    one = Calibration("isotonic", "precision", (STEEP,), (9,))
    with pytest.raises(ValueError, match="1 calibration curve for 2 classes"):
        detections(np.zeros((1, 4, 2)), np.zeros((1, 4, 4)), np.zeros((4, 4)), 32, calibration=one)
