"""Precise numbers with `+`, `-` and `*`: float64 tensors, or float32 pairs where there is no float64 (TPUs)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from ...tensors import Tensor

_DIGIT_SCALES = (2.0**16, 1.0, 2.0**-16, 2.0**-32)  # of a number below 2^31 in digits of 16 bits
_SPLIT = 4097.0  # 2^12 + 1 cuts a float32 into two halves whose products are exact


@dataclass(frozen=True)
class FloatPair:
    """The sum of two float32 tensors of one shape, |`low`| at most half a unit in the last place of `high`: 48 bits."""

    high: Tensor
    low: Tensor

    def __add__(self, other: "FloatPair") -> "FloatPair":
        """Add, with the error of each step carried along (Knuth's two-sum, twice)."""
        high, error = _two_sum(self.high, other.high)
        low, lost = _two_sum(self.low, other.low)
        high, error = _quick_two_sum(high, error + low)
        return FloatPair(*_quick_two_sum(high, error + lost))

    def __sub__(self, other: "FloatPair") -> "FloatPair":
        """Add the negative."""
        return self + FloatPair(-other.high, -other.low)

    def __mul__(self, other: "FloatPair") -> "FloatPair":
        """Multiply, with the error of the leading product carried along (Dekker)."""
        high, error = _two_product(self.high, other.high)
        return FloatPair(*_quick_two_sum(high, error + (self.high * other.low + self.low * other.high)))


Precise: TypeAlias = Any  # a float64 tensor, or a `FloatPair`; the two are never mixed


def precise(values: Tensor | float, float64: bool) -> Precise:
    """Make a float32 tensor, or a Python float, precise: float64 if that is set, else a `FloatPair`."""
    if isinstance(values, float):
        if float64:
            return tf.constant(values, tf.float64)
        high = np.float32(values)
        return FloatPair(tf.constant(high), tf.constant(np.float32(values - float(high))))
    if float64:
        return tf.cast(values, tf.float64)
    return FloatPair(values, tf.zeros_like(values))


def precise_counts(counts: Tensor, float64: bool) -> Precise:
    """Make an int32 tensor precise, exactly."""
    if float64:
        return tf.cast(counts, tf.float64)
    low = tf.bitwise.bitwise_and(counts, 0xFFFF)
    return FloatPair(*_quick_two_sum(tf.cast(counts - low, tf.float32), tf.cast(low, tf.float32)))


def to_float32(number: Precise) -> Tensor:
    """Round to float32."""
    return tf.cast(leading_part(number), tf.float32)


def leading_part(number: Precise) -> Tensor:
    """Return the float64 tensor itself, or the leading float32 of a `FloatPair`."""
    return number.high if isinstance(number, FloatPair) else number


def parts_of(number: Precise) -> tuple[Tensor, ...]:
    """Give the tensors that a number is made of, as a loop holds them."""
    return (number.high, number.low) if isinstance(number, FloatPair) else (number,)


def from_parts(*parts: Tensor) -> Precise:
    """Make a number of the tensors that `parts_of` gave."""
    return FloatPair(*parts) if len(parts) > 1 else parts[0]


def map_parts(function: Callable[..., Tensor], *numbers: Precise) -> Precise:
    """Apply a function that moves or picks numbers, without computing any, to each part."""
    if isinstance(numbers[0], FloatPair):
        return FloatPair(function(*(each.high for each in numbers)), function(*(each.low for each in numbers)))
    return function(*numbers)


def unstack_parts(number: Precise, axis: int) -> list[Precise]:
    """Take [..., K, ...] apart along an axis: a list of K."""
    if isinstance(number, FloatPair):
        high, low = tf.unstack(number.high, axis=axis), tf.unstack(number.low, axis=axis)
        return [FloatPair(*parts) for parts in zip(high, low)]
    return list(tf.unstack(number, axis=axis))


def keep_where(condition: Tensor, number: Precise) -> Precise:
    """Keep `number` where `condition` holds, and put 0 elsewhere."""
    return map_parts(lambda part: tf.where(condition, part, tf.zeros_like(part)), number)


def suffix_sums(number: Precise) -> Precise:
    """Return [Σ_{k ≥ 0}, Σ_{k ≥ 1}, ..., 0], [K + 1, ...], of [K, ...]."""
    number = map_parts(lambda part: tf.concat([part, tf.zeros_like(part[:1])], 0), number)
    if not isinstance(number, FloatPair):
        return tf.cumsum(number, reverse=True)
    size = tf.shape(number.high)[0]

    def double(step: Tensor, high: Tensor, low: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        ahead = tf.minimum(tf.range(size) + step, size - 1)  # the last is 0
        doubled = FloatPair(high, low) + FloatPair(tf.gather(high, ahead), tf.gather(low, ahead))
        return 2 * step, doubled.high, doubled.low

    _, high, low = tf.while_loop(lambda step, *_: step < size, double, (tf.constant(1), number.high, number.low))
    return FloatPair(high, low)


def summed(number: Precise, total: Callable[[Tensor], Tensor]) -> Precise:
    """Add up a precise number over replicas, by a `total` of tensors.

    The sum of rounded parts would be no better than a float32, so pairs, below 2^31, travel as four digits in int32.
    """
    if not isinstance(number, FloatPair):
        return total(number)
    rest, digits = number, []
    for scale in _DIGIT_SCALES:
        digit = tf.floor(rest.high / scale)
        rest += FloatPair(-scale * digit, tf.zeros_like(digit))
        digits.append(tf.cast(digit, tf.int32))
    zero = tf.zeros_like(number.high)
    result = FloatPair(zero, zero)
    for scale, digit in zip(_DIGIT_SCALES, tf.unstack(total(tf.stack(digits)))):
        part = precise_counts(digit, float64=False)
        result += FloatPair(part.high * scale, part.low * scale)
    return result


def round_up(number: Precise) -> Tensor:
    """Round to the smallest float32 that is not below."""
    nearest = to_float32(number)
    below = number.low > 0 if isinstance(number, FloatPair) else tf.cast(nearest, tf.float64) < number
    return tf.where(below, tf.math.nextafter(nearest, tf.fill(tf.shape(nearest), np.float32(np.inf))), nearest)


def _two_sum(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    total = a + b
    moved = total - a
    return total, (a - (total - moved)) + (b - moved)


def _quick_two_sum(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    total = a + b
    return total, b - (total - a)


def _two_product(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    product = a * b
    (a_high, a_low), (b_high, b_low) = _halves(a), _halves(b)
    return product, ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _halves(a: Tensor) -> tuple[Tensor, Tensor]:
    shifted = _SPLIT * a
    high = shifted - (shifted - a)
    return high, a - high
