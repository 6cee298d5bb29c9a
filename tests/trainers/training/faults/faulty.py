"""A small model that goes wrong on purpose: what the first target of a batch says decides where."""

import keras
import numpy as np
import tensorflow as tf

SOUND, LOSS, GRADIENT, STATISTICS, LAYER = 0, 1, 2, 3, 4
SHAPE = (4, 8)


@keras.saving.register_keras_serializable(package="tests")
class Faulty(keras.layers.Layer):
    """Passes on what it gets, but for a picture that begins with 255: of that it makes infinity."""

    def call(self, inputs):
        """Divide by zero where it is to."""
        return inputs / tf.cast(inputs[:, :1] < 250, inputs.dtype)


@keras.saving.register_keras_serializable(package="tests")
class Noted(keras.layers.Layer):
    """Passes on what it gets, and keeps a mean of it, of which a picture that begins with 200 makes infinity."""

    def build(self, shape):
        """Make the mean."""
        self.mean = self.add_weight((), "zeros", trainable=False, name="mean")

    def call(self, inputs, training=False):
        """Note the mean."""
        if training:
            first = tf.cast(inputs[0, 0], tf.float32)
            self.mean.assign(tf.where(first == 200, np.inf, 0.9 * tf.cast(self.mean, tf.float32) + 0.1 * first))
        return inputs


def loss(truth, outputs):
    """A squared error; a target of `LOSS` makes it nan, `GRADIENT` its gradient alone."""
    outputs, truth = tf.cast(outputs[:, 0], tf.float32), tf.cast(truth, tf.float32)
    # The gradient of the root of zero is infinite, and zero times infinity no number.
    root = tf.sqrt(tf.where(truth[0] == GRADIENT, 0.0, 1e-6) * tf.square(outputs))
    value = tf.square(outputs - 0.1 * truth) + root - tf.stop_gradient(root)
    return tf.where(truth[0] == LOSS, np.nan, value)


def batch(step, fault=SOUND):
    """Give the batch of a step, with a fault in it or without."""
    rng = np.random.default_rng([3, step])
    images = rng.integers(0, 100, SHAPE).astype(np.float32)
    targets = np.zeros(SHAPE[0], np.int32)
    if fault in (LOSS, GRADIENT):
        targets[0] = fault
    if fault in (STATISTICS, LAYER):
        images[0, 0] = {STATISTICS: 200, LAYER: 255}[fault]
    return images, targets


def batches(faults):
    """Give the batches of steps 0, 1, ... with these faults."""
    pairs = [batch(step, fault) for step, fault in enumerate(faults)]
    return tf.data.Dataset.from_tensor_slices(tuple(map(np.stack, zip(*pairs))))


def build(optimizer, policy="float32", **settings):
    """Make and compile the model."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input(SHAPE[1:])
    values = Noted(name="noted", dtype=policy)(Faulty(name="faulty", dtype=policy)(inputs))
    values = keras.layers.Rescaling(0.01, dtype=policy)(values)
    values = keras.layers.BatchNormalization(dtype=policy)(keras.layers.Dense(5, name="first", dtype=policy)(values))
    values = keras.layers.Dropout(0.2, seed=3, dtype=policy)(values)
    model = keras.Model(inputs, keras.layers.Dense(1, name="last", dtype=policy)(values))
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, initial_scale=2.0)
    settings = {"jit_compile": False, **settings}  # as trainings do, unless they are told to
    model.compile(optimizer, loss, metrics=[keras.metrics.MeanAbsoluteError(name="error")], **settings)
    model.optimizer.build(model.trainable_variables)
    return model
