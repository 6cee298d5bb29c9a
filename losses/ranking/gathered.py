"""The positives of a batch in slots, those of all replicas where these are joined, and losses that are made of them."""

import functools
import operator
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import tensorflow as tf

from ..checks import check_anchors, check_hyperparameters
from ..replicas import Replicas
from ..tensors import Size, Tensor, ValueAndGradient, in_xla, least, most, size_of
from .positives import Positives, all_positives, gather_positives

Parts: TypeAlias = Callable[..., tuple[Tensor, ...]]  # of gathered positives and boxes: values, then as many gradients
# Slots for positives where their number is not given: this share of the entries, within this range.
_SHARE, _RANGE = 128, (512, 8192)


class GatheredPositives:
    """The positives among the N entries of a batch. Vectors over positives have S slots, some unused.

    Where the batches of R `replicas` are joined, a batch is that of all: the slots of one replica after the other make
    S, and it is the same everywhere; entries, N, are this replica's own.
    """

    def __init__(self, positives: Positives, is_negative: Tensor, scores: Tensor, replicas: Replicas) -> None:
        self._entries, self._positives, self._replicas = tf.size(scores), positives, replicas
        numbers = tf.stack([positives.count, tf.reduce_sum(tf.cast(is_negative, tf.int32))])
        numbers = replicas.gather(numbers[tf.newaxis])
        # whether a slot holds a positive, bool [S]
        self.valid = positives.valid
        if replicas.joined > 1:
            self.valid = tf.reshape(tf.range(tf.size(positives.indices)) < numbers[:, :1], [-1])
        # the numbers of positives and of negatives, float32 scalars
        self.count, self.negatives = tf.unstack(tf.reduce_sum(tf.cast(numbers, tf.float32), axis=0))
        self.scores = replicas.gather(positives.take(scores))

    def only_valid(self, values: Tensor) -> Tensor:
        """Put 0 in the slots that hold no positive, [S]."""
        return tf.where(self.valid, values, 0)

    def of_boxes(self, values: Tensor, classes: Size) -> Tensor:
        """Take for each positive the value of its box, [S], of values [boxes], each of `classes` entries; 0 elsewhere.

        An entry that is no positive has no part in it.
        """
        own = tf.gather(self._one_more(values), self._positives.indices // classes)
        return self._replicas.gather(tf.where(self._positives.valid, own, 0))

    def at_boxes(self, values: Tensor, classes: Size, boxes: Tensor) -> Tensor:
        """Add values of the positives, [S], to their boxes, [boxes]: what leads back from `of_boxes`."""
        places = (self._positives.indices // classes)[:, tf.newaxis]
        to_boxes = self._one_more(tf.zeros([boxes]))
        return tf.tensor_scatter_nd_add(to_boxes, places, self._own(self.only_valid(values)))[:boxes]

    def mean(self, values: Tensor) -> Tensor:
        """Average [S] over the positives; 0 without any."""
        return self.total(values, self.count)

    def total(self, values: Tensor, normaliser: Tensor) -> Tensor:
        """Sum [S] over the positives, divided by `normaliser`; 0 where that is 0."""
        return tf.math.divide_no_nan(tf.reduce_sum(self.only_valid(values)), normaliser)

    def at_entries(self, values: Tensor) -> Tensor:
        """Put values of the positives, [S], where they stand among the entries, [N], and 0 elsewhere."""
        return self._add_at_entries(tf.zeros([self._entries]), self.only_valid(values))

    def _add_at_entries(self, entries: Tensor, values: Tensor) -> Tensor:
        return tf.tensor_scatter_nd_add(entries, self._positives.indices[:, tf.newaxis], self._own(values))

    def _one_more(self, values: Tensor) -> Tensor:
        # as there is an entry more where batches are joined
        return values if self._replicas.joined == 1 else tf.concat([values, [0.0]], 0)

    def _own(self, values: Tensor) -> Tensor:
        return self._replicas.own(values)


def _with_positives(
    function: Callable[[Positives], tuple[Tensor, ...]], is_positive: Tensor, max_positives: int | None, classes: int
) -> tuple[Tensor, ...]:
    """Call `function` with the positives in a slot each.

    XLA has to know how many slots there are: it takes `max_positives`, or as many as there may be if these are too few.
    The shapes of what `function` gives must not depend on the slots. Its scalars become NaN where more than one entry
    in `classes` is positive: no more were promised.
    """
    if in_xla():
        positives, results = _in_slots(function, is_positive, max_positives, classes)
    else:
        results = function(positives := all_positives(is_positive))
    if classes == 1:
        return results
    fits = positives.count <= size_of(is_positive) // classes
    return tuple(tf.where(fits, result, np.nan) if result.shape.rank == 0 else result for result in results)


def _in_slots(
    function: Callable[[Positives], tuple[Tensor, ...]], is_positive: Tensor, max_positives: int | None, classes: int
) -> tuple[Positives, tuple[Tensor, ...]]:
    """Call `function` with the positives in slots of a number that is known beforehand, as `_with_positives`."""
    entries = size_of(is_positive)
    limit = entries // classes
    usual = least(most(entries // _SHARE, _RANGE[0]), _RANGE[1]) if max_positives is None else max_positives
    slots = least(usual, limit)
    positives = gather_positives(is_positive, slots)
    if not tf.is_tensor(slots) and slots == limit:
        return positives, function(positives)
    # not folded into constants of that size, which would be held whether they are needed or not
    unfolded = tf.compat.v1.placeholder_with_default(limit, [])
    in_all = lambda: function(gather_positives(is_positive, unfolded))  # noqa: E731
    return positives, tf.cond(positives.count <= slots, lambda: function(positives), in_all)


def _with_positives_of_all(
    function: Callable[[Positives], tuple[Tensor, ...]],
    is_positive: Tensor,
    max_positives: int | None,
    classes: int,
    replicas: Replicas,
) -> tuple[Tensor, ...]:
    """Do what `_with_positives` does where batches are joined: every replica has as many slots as the fullest needs.

    Where XLA has to know their number there are `max_positives`, and with more of them the scalars become NaN.
    """
    count = tf.reduce_sum(tf.cast(is_positive, tf.int32))
    most_of_one, fits = replicas.largest(count), count <= size_of(is_positive) // classes
    slots: Size = most_of_one
    if in_xla():
        slots = max_positives or _RANGE[1]
        fits &= most_of_one <= slots
    results = function(gather_positives(is_positive, slots))
    return tuple(tf.where(fits, result, np.nan) if result.shape.rank == 0 else result for result in results)


def parts_of_positives(
    labels: Tensor,
    scores: Tensor,
    gather: Callable[[Positives, Tensor, Tensor, Replicas], GatheredPositives],
    parts: Parts,
    *boxes: Tensor,
    max_positives: int | None,
    one_hot: bool,
    scope: str,
) -> tuple[Tensor, ...]:
    """Compute the parts of a loss over positives, each multiplying its gradient by its own upstream gradient.

    `parts` is told what `gather` makes of the positives, as `GatheredPositives` is made. All gradients are to the
    scores, [N], or where there are `boxes`, what is known of each box, the second to these.
    """
    check_hyperparameters(max_positives=max_positives)
    is_positive, is_negative, flat, sound = check_anchors(labels, scores)
    replicas = Replicas(scope)
    if replicas.joined > 1:
        # one entry more, which is ignored, so that a replica without any has one
        is_positive, is_negative = (tf.concat([mask, [False]], 0) for mask in (is_positive, is_negative))
        flat = tf.concat([flat, [0.0]], 0)
    shape = tf.convert_to_tensor(scores).shape
    classes = (shape[-1] or 1) if one_hot and shape.rank else 1

    @tf.custom_gradient
    def loss(flat: Tensor, *boxes: Tensor) -> ValueAndGradient:
        def of(positives: Positives) -> tuple[Tensor, ...]:
            return parts(gather(positives, is_negative, flat, replicas), *boxes)

        if replicas.joined > 1:
            results = _with_positives_of_all(of, is_positive, max_positives, classes, replicas)
        else:
            results = _with_positives(of, is_positive, max_positives, classes)
        values, slopes = results[: len(results) // 2], results[len(results) // 2 :]

        def gradient(*upstream: Tensor) -> Tensor:
            flows = [above * slope for above, slope in zip(upstream, slopes)]
            return flows if boxes else functools.reduce(operator.add, flows)

        return values, gradient

    return tuple(sound * replicas.divide(value) for value in loss(flat, *boxes))
