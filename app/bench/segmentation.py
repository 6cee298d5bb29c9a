"""The tables of `bench` for segmentation: Lovász losses beside a sort of their errors, a DeepLab's step with each."""

import logging
from dataclasses import replace
from functools import partial

import numpy as np
import tensorflow as tf

from ... import losses
from ...trainers.models import build_deeplab
from ...trainers.tasks import get_task
from ...trainers.training.config import SegmentationConfig
from ...trainers.training.optimizer import build_optimizer
from ..options import BenchOptions
from .timing import MODES, interleaved, value_and_gradients

log = logging.getLogger("metricfit")

CLASSES = 21
SORT = "tf.sort of the errors"
TRAINED_WITH = ("softmax_cross_entropy", "lovasz_softmax", "softmax_cross_entropy + lovasz_softmax", "lovasz_hinge")
"""The losses of `bench train`; Lovász ones are binned, as they are by default."""


def bench_losses(options: BenchOptions) -> list[dict]:
    """Time value and gradients of the segmentation losses, and of the published formulation, against a sort.

    Twenty-one classes, in pictures of the given size; the sort is of the errors of Lovász-Softmax, [classes, pixels].
    """
    labels, logits = inputs(options)
    pixels = tf.reshape(tf.nn.softmax(logits), [-1, CLASSES])
    errors = tf.abs(pixels - tf.one_hot(tf.reshape(labels, [-1]), CLASSES))
    errors = tf.constant(tf.transpose(errors).numpy())
    timed = {
        "lovasz_softmax, exact": partial(losses.lovasz_softmax, from_logits=True, method="exact"),
        "lovasz_softmax, binned": partial(losses.lovasz_softmax, from_logits=True, method="binned"),
        "lovasz_softmax, binned, per_image": partial(losses.lovasz_softmax, from_logits=True, per_image=True),
        "lovasz_softmax, published": published_lovasz_softmax,
        "lovasz_hinge, exact": partial(losses.lovasz_hinge, per_image=False, method="exact"),
        "lovasz_hinge, binned": partial(losses.lovasz_hinge, per_image=False, method="binned"),
        "softmax_cross_entropy": partial(losses.softmax_cross_entropy, from_logits=True),
    }
    rows = []
    for mode, compiled in MODES.items():
        log.info("%s mode: %d losses of %d pixels, %d classes", mode, len(timed), errors.shape[1], CLASSES)
        sort = tf.function(tf.sort, jit_compile=compiled)
        actions = {SORT: lambda sort=sort: sort(errors)[0, 0].numpy()}
        for name, loss in timed.items():
            step = value_and_gradients(
                lambda fixed, watched, loss=loss: _total(loss, fixed, watched), compiled=compiled
            )
            actions[name] = lambda step=step: step([labels], [logits])[1][0][0, 0, 0].numpy()
        times = interleaved(actions, options.repeats)
        rows += [
            {"what": name, "mode": mode, "ms": 1e3 * value, "against the sort": value / times[SORT]}
            for name, value in times.items()
        ]
    return rows


def bench_train(options: BenchOptions) -> list[dict]:
    """Time the training step of a DeepLab of twenty-one classes with each loss, in graph mode."""
    config = SegmentationConfig(backbone=options.backbone, size=options.size, batch_size=options.batch_size)
    rng = np.random.default_rng(options.seed)
    labels, _ = inputs(options)
    images = tf.constant(rng.integers(0, 256, (*labels.shape, 3), np.uint8))
    actions = {}
    for loss in TRAINED_WITH:
        model = build_deeplab(config.backbone, size=config.size, class_names=[f"c{n}" for n in range(CLASSES)])
        optimizer = build_optimizer(config, 1000)
        model.compile(
            optimizer=optimizer, loss=get_task("segmentation").build_loss(replace(config, loss=loss)), jit_compile=False
        )
        actions[loss] = lambda model=model: model.train_on_batch(images, labels)
    times = interleaved(actions, options.repeats)
    first = times[TRAINED_WITH[0]]
    return [
        {"loss": name, "ms": 1e3 * value, "images/s": config.batch_size / value, "ratio": value / first}
        for name, value in times.items()
    ]


def inputs(options: BenchOptions):
    """Make up class numbers int32 [B, S, S], rarer the higher, and logits float32 [B, S, S, 21] that mostly fit."""
    shape = (options.batch_size, options.size, options.size)
    drawn = tf.random.stateless_uniform(shape, [options.seed, 0])
    labels = tf.cast(CLASSES * drawn**3, tf.int32)
    noise = tf.random.stateless_normal((*shape, CLASSES), [options.seed, 1], stddev=2.0)
    return labels, noise + 4 * tf.one_hot(labels, CLASSES)


def published_lovasz_softmax(y_true, y_pred):
    """Compute Lovász-Softmax as published (Algorithm 1): one sort per class, differentiated by automatic means.

    Args:
        y_true: int32 [B, S, S].
        y_pred: logits, float32 [B, S, S, C].

    Returns:
        The average over the classes with foreground, a scalar.
    """
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


def _total(loss, fixed, watched):
    return [tf.reduce_sum(loss(fixed[0], watched[0]))]
