"""How near gradient descent comes to labels between 0 and 1, for each form of the sums.

python -m metricfit.tests.losses.soft_descent

Prints the mean |p − y| after 400 steps of Adam on the logits of 24 made-up pictures, each a disc.
"""

import keras
import numpy as np
import tensorflow as tf

from metricfit import losses

PICTURES, SIDE, STEPS = 24, 24, 400
ROW, COLUMN = np.mgrid[:SIDE, :SIDE]


def disc(centre, radius):
    """Masks of discs, [N, SIDE, SIDE], from centres [N, 2] and radii [N]."""
    y, x = (centre[:, axis, np.newaxis, np.newaxis] for axis in (0, 1))
    return ((ROW - y) ** 2 + (COLUMN - x) ** 2 < radius[:, np.newaxis, np.newaxis] ** 2).astype(np.float32)


def made_smaller(masks):
    """Means of 3 x 3 pixels and again of 3 x 3, as resizing gives them."""
    for _ in range(2):
        masks = tf.nn.avg_pool2d(masks[..., np.newaxis], 3, 1, "SAME")[..., 0]
    return masks


def targets(rng):
    """Soft labels of each kind, by name."""
    centre, radius = rng.uniform(6, SIDE - 6, (PICTURES, 2)), rng.uniform(3, 8, PICTURES)
    annotators = [disc(centre + rng.normal(0, 1.5, centre.shape), radius * rng.uniform(0.7, 1.3)) for _ in range(5)]
    return {
        "smoothed": 0.05 + 0.9 * disc(centre, radius),
        "annotators": np.mean(annotators, 0),
        "made smaller": made_smaller(disc(centre, radius)),
    }


def distance(name, form, labels, first):
    """Descend from the logits `first`; gives the mean |p − y|."""
    logits, adam = keras.Variable(first), keras.optimizers.Adam(0.05)
    adam.build([logits])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            values = losses.LOSSES[name].function(labels, logits.value, from_logits=True, soft_labels=form)
            total = tf.reduce_sum(values)
        adam.apply([tape.gradient(total, logits.value)])

    for _ in range(STEPS):
        step()
    return float(tf.reduce_mean(tf.abs(tf.sigmoid(logits.value) - labels)))


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    for kind, labels in targets(rng).items():
        labels = tf.constant(labels, tf.float32)
        first = rng.normal(0, 1, labels.shape).astype(np.float32)
        for name in ("floss", "log_floss", "soft_iou"):
            found = {form: distance(name, form, labels, first) for form in ("paper", "dot", "min")}
            print(f"{kind}, {name}: " + ", ".join(f"{form} {value:.3f}" for form, value in found.items()), flush=True)
