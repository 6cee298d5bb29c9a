"""The table of `bench losses` for segmentation: Lovász losses, sorted and binned, beside a sort of their errors."""

import logging
from functools import partial

import tensorflow as tf

from .. import losses
from .bench_timing import MODES, interleaved, value_and_gradients
from .options import BenchOptions

log = logging.getLogger("metricfit")

CLASSES = 21
SORT = "tf.sort of the errors"


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
