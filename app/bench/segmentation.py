"""The tables of `bench` for segmentation: Lovász losses beside a sort of their errors, a DeepLab's step with each."""

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import tensorflow as tf

from ... import losses
from ...trainers.models.deeplab import build_deeplab
from ..options import BenchOptions
from .base import MODES, Bench, Table, interleaved, loss_programs, loss_step, ratio_rows, shape_of, training_step
from .hlo import Program

log = logging.getLogger("metricfit")

CLASSES = 21
SORT = "tf.sort of the errors"
TRAINED_WITH = ("softmax_cross_entropy", "lovasz_softmax", "softmax_cross_entropy + lovasz_softmax", "lovasz_hinge")


class SegmentationBench(Bench):
    """Class maps of twenty-one classes."""

    name = "segmentation"
    size, batch_size = 256, 4

    def __init__(self) -> None:
        self.tables = {"losses": bench_losses, "train": self.train, "guard": self.guard}

    def programs(self, options: BenchOptions) -> dict[str, Program]:
        """Give the losses of class maps."""
        names = [name for name, entry in losses.LOSSES.items() if entry.task == self.name]
        return loss_programs({name: losses.get(name, from_logits=True) for name in names}, *inputs(options))

    def train(self, options: BenchOptions) -> Table:
        """Time the training step of a DeepLab with each loss, in graph mode."""
        config = self.config(options)
        labels, _ = inputs(options)
        actions = {}
        for loss in TRAINED_WITH:
            model = build_deeplab(config.backbone, size=config.size, class_names=[f"c{n}" for n in range(CLASSES)])
            built = self.task.build_loss(replace(config, loss=loss))
            actions[loss] = training_step(model, config, built, labels)
        return ratio_rows(interleaved(actions, options.repeats), "loss", images=config.batch_size)


def bench_losses(options: BenchOptions) -> Table:
    """Time value and gradients of the losses, and of the published one, against a sort of [classes, pixels] errors."""
    labels, logits = inputs(options)
    pixels = tf.reshape(tf.nn.softmax(logits), [-1, CLASSES])
    errors = tf.abs(pixels - tf.one_hot(tf.reshape(labels, [-1]), CLASSES))
    errors = tf.constant(tf.transpose(errors).numpy())
    timed: dict[str, Callable] = {
        "lovasz_softmax, exact": partial(losses.lovasz_softmax, from_logits=True, method="exact"),
        "lovasz_softmax, binned": partial(losses.lovasz_softmax, from_logits=True, method="binned"),
        "lovasz_softmax, binned, per_image": partial(losses.lovasz_softmax, from_logits=True, per_image=True),
        "lovasz_softmax, published": published_lovasz_softmax,
        "lovasz_hinge, exact": partial(losses.lovasz_hinge, per_image=False, method="exact"),
        "lovasz_hinge, binned": partial(losses.lovasz_hinge, per_image=False, method="binned"),
        "softmax_cross_entropy": partial(losses.softmax_cross_entropy, from_logits=True),
    }
    rows: Table = []
    for mode, compiled in MODES.items():
        log.info("%s mode: %d losses of %d pixels, %d classes", mode, len(timed), errors.shape[1], CLASSES)
        sort = tf.function(tf.sort, jit_compile=compiled)
        actions: dict[tuple[str, str], Callable] = {(SORT, mode): lambda sort=sort: sort(errors)[0, 0].numpy()}
        for name, loss in timed.items():
            actions[name, mode] = loss_step(loss, labels, logits, compiled=compiled)
        rows += ratio_rows(interleaved(actions, options.repeats), "what", "mode", ratio="against the sort")
    return rows


def inputs(options: BenchOptions) -> tuple[tf.Tensor, tf.Tensor]:
    """Make up class numbers int32 [B, S, S], rarer the higher, and logits float32 [B, S, S, 21] that mostly fit."""
    shape = shape_of(options)
    drawn = tf.random.stateless_uniform(shape, [options.seed, 0])
    labels = tf.cast(CLASSES * drawn**3, tf.int32)
    noise = tf.random.stateless_normal((*shape, CLASSES), [options.seed, 1], stddev=2.0)
    return labels, noise + 4 * tf.one_hot(labels, CLASSES)


def published_lovasz_softmax(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Compute Lovász-Softmax as published (Algorithm 1) of labels int32 [B, S, S] and logits [B, S, S, C]."""
    classes = y_pred.shape[-1]
    labels, probability = tf.reshape(y_true, [-1]), tf.reshape(tf.nn.softmax(y_pred), [-1, classes])
    values, present = [], []
    for number in range(classes):
        foreground = tf.cast(labels == number, tf.float32)
        largest, order = tf.math.top_k(tf.abs(foreground - probability[:, number]), labels.shape[0])
        after = tf.gather(foreground, order)
        positives = tf.reduce_sum(foreground)
        union = positives + tf.cumsum(1 - after)
        jaccard = 1 - (positives - tf.cumsum(after)) / union
        weights = tf.concat([jaccard[:1], jaccard[1:] - jaccard[:-1]], 0)
        values.append(tf.reduce_sum(largest * tf.stop_gradient(weights)))
        present.append(tf.cast(positives > 0, tf.float32))
    return tf.math.divide_no_nan(tf.reduce_sum(tf.stack(values) * tf.stack(present)), tf.add_n(present))
