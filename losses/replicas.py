"""What the replicas of a model tell each other under `tf.distribute`, and how much of a loss each of them reports.

Keras' `fit`, and an own loop, add up what the replicas give: losses for the report, gradients for the step. So of a
loss of the whole batch each replica gives an equal share, and the gradient of the whole loss to its own entries.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from .checks import check_hyperparameters
from .tensors import Tensor, ValueAndGradient, size_of


def replica_context() -> Any | None:
    """Return the context of a replica where several work in step; None elsewhere.

    Elsewhere is one device, and the code round the replicas: Keras' first symbolic build of a model, too.
    """
    context = tf.distribute.get_replica_context()
    return context if context is not None and context.num_replicas_in_sync > 1 else None


def replica_count() -> int:
    """Return how many replicas work in step, of which this is one; 1 outside of replicas."""
    context = replica_context()
    return 1 if context is None else int(context.num_replicas_in_sync)


def added_up(context: Any, tensors: Sequence[Tensor]) -> list[Tensor]:
    """Add up tensors, of the same shapes everywhere, over the replicas; their gradients are added up, too.

    TensorFlow looks for variables behind every such sum, through the whole graph of the other replicas, at a price that
    grows with the square of its size. `stop_gradient` ends that search, and the gradient is given here.
    """

    @tf.custom_gradient
    def added(*own: Tensor) -> tuple[list[Tensor], Any]:
        sums = context.all_reduce(tf.distribute.ReduceOp.SUM, [tf.stop_gradient(one) for one in own])
        return sums, lambda *upstream: added(*upstream)

    return list(added(*tensors))


@dataclass
class Traffic:
    """What one replica handed over so far, in bytes by kind, and in how many messages."""

    gathered: int = 0  # every replica gets this from each of the others
    reduced: int = 0  # every replica gets the sum of this over all
    messages: int = 0

    def note(self, kind: str, tensor: Tensor) -> None:
        """Add a tensor, outside of graphs."""
        setattr(self, kind, getattr(self, kind) + tensor.dtype.size * int(size_of(tensor)))
        self.messages += 1


_counted: list[Traffic] = []


@contextlib.contextmanager
def counted_traffic() -> Iterator[Traffic]:
    """Count meanwhile what the first replica hands over, outside of graphs."""
    traffic = Traffic()
    _counted.append(traffic)
    try:
        yield traffic
    finally:
        _counted.remove(traffic)


class Replicas:
    """The replicas whose batches a loss takes as one: all of them in the scope "global", each its own in "replica".

    On one device, outside of replicas, and for sums and the like in "replica", nothing is sent and all stays as it is.
    All replicas have to come to the same calls in the same order, none of them within `tf.cond` or a loop.

    Args:
        scope: "global" or "replica", else ValueError.
        alone: whether none needs the others' batches after all, as where each picture has a loss of its own.

    Attributes:
        running: how many replicas work in step, whatever the scope.
        joined: how many batches are taken as one: `running` in the scope "global", else 1.
    """

    def __init__(self, scope: str = "global", *, alone: bool = False) -> None:
        check_hyperparameters(scope=scope)
        context = replica_context()
        self.running = 1 if context is None else int(context.num_replicas_in_sync)
        self._context = context if scope == "global" and not alone else None
        self.joined = 1 if self._context is None else self.running

    def sum(self, tensor: Tensor) -> Tensor:
        """Add up a tensor, of one shape everywhere, over the replicas."""
        if self._context is None:
            return tensor
        self._note("reduced", tensor)
        (total,) = added_up(self._context, [tensor])
        return total

    def gather(self, rows: Tensor) -> Tensor:
        """Put [S, ...] of all replicas in a row: [joined · S, ...]; S is the same everywhere."""
        if self._context is None:
            return rows
        self._note("gathered", rows)
        if not tf.executing_eagerly():
            gathered = self._in_a_row(self._context, rows)
            # several workers do not know it
            each = rows.shape[0]
            gathered.set_shape([None if each is None else self.running * each, *rows.shape[1:]])
            return gathered
        # several workers gather in graphs alone: the sum of rows, each in the place of its replica, is the same
        here = tf.equal(tf.range(self.running), self._context.replica_id_in_sync_group)
        here = tf.reshape(here, [self.running, *[1] * rows.shape.rank])
        table = tf.where(here, rows, tf.zeros([], rows.dtype))
        (table,) = added_up(self._context, [table])
        return tf.reshape(table, tf.concat([[-1], tf.shape(rows)[1:]], 0))

    def _in_a_row(self, context: Any, rows: Tensor) -> Tensor:
        """Gather in a graph; as in `added_up`, TensorFlow need not look for variables behind it."""

        @tf.custom_gradient
        def gathered(own: Tensor) -> ValueAndGradient:
            everything = context.all_gather(tf.stop_gradient(own), axis=0)

            def gradient(upstream: Tensor) -> Tensor:
                (total,) = added_up(context, [upstream])
                return self.own(total)

            return everything, gradient

        return gathered(rows)

    def own(self, rows: Tensor) -> Tensor:
        """Take this replica's [S, ...] out of what `gather` gave."""
        if self._context is None:
            return rows
        each = tf.shape(rows)[0] // self.running
        begin = self._context.replica_id_in_sync_group * each
        return rows[begin : begin + each]

    def largest(self, tensor: Tensor) -> Tensor:
        """Take the largest of each number over the replicas."""
        return tf.reduce_max(self.gather(tensor[tf.newaxis]), axis=0)

    def share(self, part: Tensor) -> Tensor:
        """Turn the part that this replica's entries have in a loss into an equal share of the sum of all parts.

        The gradient is that of the part. In the scope "replica" the share is that of the replica's own loss.
        """

        @tf.custom_gradient
        def total(part: Tensor) -> ValueAndGradient:
            return self.sum(part), lambda upstream: upstream

        return self.divide(part if self._context is None else total(part))

    def divide(self, whole: Tensor) -> Tensor:
        """Take an equal share of a loss that every replica has computed, whose gradient is to its own entries alone.

        The gradient stays that of the whole loss; in the scope "replica" it is divided with it.
        """
        if self._context is None:
            return whole / self.running if self.running > 1 else whole

        @tf.custom_gradient
        def divided(whole: Tensor) -> ValueAndGradient:
            return whole / self.running, lambda upstream: upstream

        return divided(whole)

    def _note(self, kind: str, tensor: Tensor) -> None:
        if not _counted or not tf.executing_eagerly():
            return
        if self._context is not None and int(self._context.replica_id_in_sync_group) == 0:
            for traffic in _counted:
                traffic.note(kind, tensor)
