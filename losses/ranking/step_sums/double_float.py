"""Numbers with about twice float32's digits: float64 tensors, or pairs of float32 where float64 does not exist (TPUs).

The functions take either kind; both kinds have `+`, `-` and `*`.
"""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

_SPLIT = 4097.0  # 2^12 + 1 cuts a float32 into two halves whose products are exact


@dataclass(frozen=True)
class Pair:
    """The sum of two float32 tensors of one shape, |`low`| at most half a unit in the last place of `high`: 48 bits."""

    high: tf.Tensor
    low: tf.Tensor

    def __add__(self, other):
        """Add, with the error of each step carried along (Knuth's two-sum, twice)."""
        high, error = _two_sum(self.high, other.high)
        low, lost = _two_sum(self.low, other.low)
        high, error = _quick_two_sum(high, error + low)
        return Pair(*_quick_two_sum(high, error + lost))

    def __sub__(self, other):
        """Add the negative."""
        return self + Pair(-other.high, -other.low)

    def __mul__(self, other):
        """Multiply, with the error of the leading product carried along (Dekker)."""
        high, error = _two_product(self.high, other.high)
        return Pair(*_quick_two_sum(high, error + (self.high * other.low + self.low * other.high)))


def widen(values, float64):
    """Make float32 tensors, or a Python float, wide: float64 if that is set, else a `Pair`."""
    if isinstance(values, float):
        if float64:
            return tf.constant(values, tf.float64)
        high = np.float32(values)
        return Pair(tf.constant(high), tf.constant(np.float32(values - float(high))))
    if float64:
        return tf.cast(values, tf.float64)
    return Pair(values, tf.zeros_like(values))


def widen_counts(counts, float64):
    """Make an int32 tensor wide, exactly."""
    if float64:
        return tf.cast(counts, tf.float64)
    low = tf.bitwise.bitwise_and(counts, 0xFFFF)
    return Pair(*_quick_two_sum(tf.cast(counts - low, tf.float32), tf.cast(low, tf.float32)))


def narrow(wide):
    """Round to float32."""
    return tf.cast(leading(wide), tf.float32)


def leading(wide):
    """Return the float64 tensor itself, or the leading float32 of a `Pair`."""
    return wide.high if isinstance(wide, Pair) else wide


def each(function, *wides):
    """Apply a function that moves or picks numbers, without computing any, to each part."""
    if isinstance(wides[0], Pair):
        return Pair(function(*(wide.high for wide in wides)), function(*(wide.low for wide in wides)))
    return function(*wides)


def unstack(wide, axis):
    """Take [..., K, ...] apart along an axis: a list of K wides."""
    if isinstance(wide, Pair):
        return [Pair(*parts) for parts in zip(tf.unstack(wide.high, axis=axis), tf.unstack(wide.low, axis=axis))]
    return tf.unstack(wide, axis=axis)


def keep(condition, wide):
    """Keep `wide` where `condition` holds, and put 0 elsewhere."""
    return each(lambda part: tf.where(condition, part, tf.zeros_like(part)), wide)


def suffix_sums(wide):
    """Return [Σ_{k ≥ 0}, Σ_{k ≥ 1}, ..., 0], [K + 1, ...], of [K, ...]."""
    wide = each(lambda part: tf.concat([part, tf.zeros_like(part[:1])], 0), wide)
    if not isinstance(wide, Pair):
        return tf.cumsum(wide, reverse=True)
    size = tf.shape(wide.high)[0]

    def double(step, high, low):
        ahead = tf.minimum(tf.range(size) + step, size - 1)  # the last is 0
        doubled = Pair(high, low) + Pair(tf.gather(high, ahead), tf.gather(low, ahead))
        return 2 * step, doubled.high, doubled.low

    _, high, low = tf.while_loop(lambda step, *_: step < size, double, (tf.constant(1), wide.high, wide.low))
    return Pair(high, low)


def round_up(wide):
    """Round to the smallest float32 that is not below."""
    nearest = narrow(wide)
    below = wide.low > 0 if isinstance(wide, Pair) else tf.cast(nearest, tf.float64) < wide
    return tf.where(below, tf.math.nextafter(nearest, tf.fill(tf.shape(nearest), np.float32(np.inf))), nearest)


def _two_sum(a, b):
    total = a + b
    moved = total - a
    return total, (a - (total - moved)) + (b - moved)


def _quick_two_sum(a, b):
    total = a + b
    return total, b - (total - a)


def _two_product(a, b):
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(a):
    shifted = _SPLIT * a
    high = shifted - (shifted - a)
    return high, a - high
