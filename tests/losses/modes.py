"""What the contracts share: execution modes, and how close is close."""

from functools import partial

import numpy as np
import tensorflow as tf

MODES = {
    "eager": lambda function: function,
    "graph": partial(tf.function, autograph=False),
    "xla": partial(tf.function, jit_compile=True, autograph=False),
}


def assert_close(actual, expected, tolerance):
    """Compare arrays within `tolerance`, relative to the largest entry of `expected`."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * max(np.abs(expected).max(initial=0), 1e-30))


def assert_close_in_sum(actual, expected, tolerance):
    """Compare arrays by the sum of their differences, relative to the sum of `expected`."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected, np.float64)
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).sum() <= tolerance * np.abs(expected).sum() + 1e-12
