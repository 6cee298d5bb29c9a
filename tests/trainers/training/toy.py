"""A net of a few weights with everything that a training keeps: dropout, moving statistics, an average, a schedule."""

import keras
import numpy as np
import tensorflow as tf

from metricfit.metrics import FMeasure

STEPS = 3


def examples(step, count=4):
    """One batch, a function of the step alone."""
    rng = np.random.default_rng([7, step])
    images = rng.integers(0, 256, (count, 8, 8, 3)).astype(np.uint8)
    return images, (images.mean(axis=-1) > 128).astype(np.int32)


def stream(start_step=0):
    def generate():
        step = start_step
        while True:
            yield examples(step)
            step += 1

    signature = (tf.TensorSpec((4, 8, 8, 3), tf.uint8), tf.TensorSpec((4, 8, 8), tf.int32))
    return tf.data.Dataset.from_generator(generate, output_signature=signature)


def build(use_ema=True, metrics=False, seed=1):
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1)(inputs)
    x = keras.layers.BatchNormalization()(keras.layers.Conv2D(4, 3, padding="same")(x))
    x = keras.layers.Dropout(0.3, seed=5)(keras.layers.ReLU()(x))
    model = keras.Model(inputs, keras.layers.Reshape((8, 8))(keras.layers.Conv2D(1, 1)(x)))
    schedule = keras.optimizers.schedules.CosineDecay(0.05, 40, warmup_target=0.1, warmup_steps=4)
    model.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.01, use_ema=use_ema, ema_momentum=0.8),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[FMeasure(from_logits=True)] if metrics else [],
        jit_compile=False,  # as trainings do, unless they are told to
    )
    return model


def fit(model, callbacks, epochs, initial_epoch=0, validation=True, step=0):
    return model.fit(
        stream(initial_epoch * STEPS + step),
        shuffle=False,
        steps_per_epoch=STEPS,
        epochs=epochs,
        initial_epoch=initial_epoch,
        validation_data=examples(10_000) if validation else None,
        callbacks=callbacks,
        verbose=0,
    ).history


def weights(model):
    return [np.array(value) for value in model.get_weights()]


def state(model):
    """Everything that the next step depends on, and what the epoch's figures are made of."""
    return [np.array(variable) for variable in (*model.variables, *model.optimizer.variables)]
