"""The positives of a batch, gathered into a fixed number of slots."""

from typing import NamedTuple

import tensorflow as tf

from ..tensors import Size, Tensor, count_values, read, size_of

_ROW = 32  # entries that are counted at a time before a slot looks for its own


class Positives(NamedTuple):
    """Where the positives are. The first slots hold them, in the order of the entries; the others are empty."""

    indices: Tensor  # int32 [slots], the entry of each slot; 0 in an empty one
    valid: Tensor  # bool [slots], whether the slot holds a positive
    count: Tensor  # int32, the number of all positives, also where it exceeds the slots

    def take(self, values: Tensor) -> Tensor:
        """Return `values`, [N], at the positives, and 0 in the empty slots: [slots]."""
        empty = tf.cast(0, values.dtype)
        nothing = tf.fill(tf.shape(self.indices), empty)
        taken = lambda: tf.where(self.valid, read(values, self.indices), empty)  # noqa: E731
        entries = size_of(values)
        if tf.is_tensor(entries):
            return tf.cond(entries > 0, taken, lambda: nothing)
        return taken() if entries else nothing


def all_positives(is_positive: Tensor) -> Positives:
    """Give each positive a slot, as many as there are; XLA, which has to know their number, cannot do it."""
    indices = tf.cast(tf.where(is_positive)[:, 0], tf.int32)
    count = tf.size(indices)
    return Positives(indices, tf.fill([count], True), count)


def gather_positives(is_positive: Tensor, slots: Size) -> Positives:
    """Give each of the first `slots` positives a slot, in O(N) time and O(N + slots) memory."""
    entries = size_of(is_positive)
    many = tf.is_tensor(slots) or tf.is_tensor(entries) or slots * _ROW > entries
    row = 1 if many else _ROW
    whole = entries // row * row
    ones = tf.cast(is_positive, tf.int32)
    counts = tf.reduce_sum(tf.reshape(ones[:whole], [-1, row]), axis=1) if row > 1 else ones
    ends = tf.cumsum(counts)
    count = tf.reduce_sum(counts) + tf.reduce_sum(ones[whole:])
    slot = tf.range(slots)
    valid = slot < count
    # the row of slot s is the number of rows that end with at most s positives before or in them
    rows = tf.cumsum(count_values(ends, slots))
    if row > 1:
        before = tf.concat([[0], ends], 0)
        place = rows[:, tf.newaxis] * row + tf.range(row)
        inside = (place < entries) & read(is_positive, tf.minimum(place, entries - 1))
        upto = tf.cumsum(tf.cast(inside, tf.int32), axis=1) + read(before, rows)[:, tf.newaxis]
        rows = rows * row + tf.reduce_sum(tf.cast(upto <= slot[:, tf.newaxis], tf.int32), axis=1)
    return Positives(tf.where(valid, rows, 0), valid, count)
