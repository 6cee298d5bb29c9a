"""Curves inside a TensorFlow graph, of operations that TFLite has as built-ins, with numbers that are set later."""

import numpy as np
import tensorflow as tf

from .curves import IDENTITY, KNOTS, SURE, Calibration, Curve, steps

PARTS = KNOTS + 2
"""Parts of the sum that a curve is: its level, the two ends, and what lies between corners."""
NAME = "metricfit_calibration"
"""What the constant with the numbers is called in a graph."""


def table(calibration: Calibration) -> np.ndarray:
    """Give the numbers of all curves, float32 [C, 4, PARTS]; see `steps`."""
    return np.stack([_row(curve) for curve in calibration.curves])


def as_written(classes: int) -> np.ndarray:
    """Give numbers that change nothing, to be found in a file and replaced by a `table` once that is known."""
    rows = np.stack([_row(IDENTITY)] * classes)
    # Parts of no width add nothing, so they can hold what nobody else writes.
    rows[:, 0, 3:] = np.random.default_rng(classes).uniform(1, 2, (classes, PARTS - 3))
    return rows


def calibrated(log_odds: tf.Tensor, classes: tf.Tensor, numbers: np.ndarray) -> tf.Tensor:
    """Calibrate log-odds float32 [K] of classes int32 [K], at least 0, by a `table`; those beyond `SURE` as there.

    Each part rises with the log-odds or stays, in float32, too, and so does their sum: the order of a class is kept.
    """
    rows = tf.gather(tf.constant(numbers, tf.float32, name=NAME), classes)
    start, low, high, slope = tf.unstack(rows, axis=1)
    told = tf.minimum(tf.maximum(log_odds, SURE[0]), SURE[1])[:, None] - start
    return tf.reduce_sum(slope * tf.minimum(tf.maximum(told, low), high), axis=1)


def _row(curve: Curve) -> np.ndarray:
    parts = steps(curve)
    row = np.zeros((4, PARTS), np.float32)
    row[:, : len(parts)] = np.array(parts).T
    return row
