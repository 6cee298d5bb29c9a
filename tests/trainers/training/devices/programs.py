"""Trainings that need a process of their own: with several devices, or of several processes. Called by tests.

python -m metricfit.tests.trainers.training.devices.programs NAME FOLDER
"""

import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from metricfit.tests.conftest import registered
from metricfit.trainers.models.preparation import train_together
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import DetectionConfig, RunConfig, SaliencyConfig, SegmentationConfig
from metricfit.trainers.training.devices.distribution import distribution_of
from metricfit.trainers.training.devices.keras_replicas import fitting
from metricfit.trainers.training.devices.metric_states import build_metrics
from metricfit.trainers.training.faults.guarded_step import GuardedStep

_COMMON = {
    "backbone": "tiny", "weights": "none", "batch_size": 4, "learning_rate": 1e-3, "quiet": True, "seed": 3,
    "batch_norm": "frozen",
}  # fmt: skip
CONFIGS: dict[str, RunConfig] = {
    "saliency": SaliencyConfig(data="discs:train", size=32, **_COMMON),
    "segmentation": SegmentationConfig(
        data="colours:train", size=32, loss="lovasz_softmax", loss_options=("per_image=True",), **_COMMON
    ),
    "detection": DetectionConfig(data="discs:train", size=64, loss="focal", channels=8, head_layers=1, **_COMMON),
    "foveabox": DetectionConfig(
        data="discs:train", size=64, model="foveabox", loss="ap", channels=8, head_layers=1, **_COMMON
    ),
    "faster_rcnn": DetectionConfig(
        data="discs:train",
        size=64,
        model="faster_rcnn",
        loss="alrp",
        channels=8,
        proposals=16,
        region_units=8,
        **_COMMON,
    ),
    "faster_rcnn_sampled": DetectionConfig(
        data="discs:train",
        size=64,
        model="faster_rcnn",
        loss="cross_entropy",
        channels=8,
        proposals=16,
        region_units=8,
        **_COMMON,
    ),
}
TOLERANCE = 1e-5


def plain() -> keras.optimizers.Optimizer:
    """Make an optimizer whose steps are as large as the gradients: AdamW makes large ones of mere rounding."""
    return keras.optimizers.SGD(0.05, 0.9, global_clipnorm=0.1)


def taught(
    config: RunConfig, steps: int, optimizer: Callable = plain, *, settled: bool = False, nudged: float = 0.0
) -> tuple[list, list, list[float]]:
    """Take some steps of a task; gives the first and last weights, and the loss after each step.

    By the statistics of new networks, frozen, little of a picture comes to the last layer, which alone would learn:
    those of a batch are taken first where they are to be `settled`. To see what rounding alone becomes, weights may be
    `nudged` by such a share of themselves.
    """
    distribution = distribution_of(config)
    task = get_task(next(name for name, one in CONFIGS.items() if type(one) is type(config)))
    training, _ = task.open_sources(config)
    keras.utils.set_random_seed(config.seed)
    with distribution.scope():
        model = task.build_model(config, training)
        if nudged:
            rng = np.random.default_rng(config.seed)
            model.set_weights([one * (1 + nudged * rng.choice([-1, 1], one.shape)) for one in model.get_weights()])
        if settled:
            images, _ = next(iter(task.training_batches(config, training)))
            for _ in range(20):
                model(images, training=True)
        train_together(model, distribution.share.replicas, config.batch_norm)
        task.compile_model(model, config, optimizer(), training)
        model.optimizer.build(model.trainable_variables)
        build_metrics(model, task.training_batches(config, training))
    first = model.get_weights()
    GuardedStep(model)
    losses: list[float] = []
    noting = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(float(logs["loss"])))
    noting.sets_box_weight = True
    with fitting(model, (lambda callbacks: {}) if distribution.strategy else None):
        model.fit(
            distribution.dealt(lambda share: task.training_batches(config, training, 0, share)),
            steps_per_epoch=steps, shuffle=False, verbose=0, callbacks=[noting],
        )  # fmt: skip
    return first, model.get_weights(), losses


def largest(found: list, expected: list) -> float:
    """Give the largest difference of a weight."""
    return max(float(np.abs(one - other).max()) for one, other in zip(found, expected, strict=True) if one.size)


def equal_steps(folder: Path, names: tuple[str, ...] = ("segmentation",), steps: int = 3, devices: int = 4) -> None:
    """See that four devices, or so many, take the steps of one, by losses of each picture."""
    for name in names:
        first, expected, of_one = taught(CONFIGS[name], steps)
        moved = largest(expected, first)
        began, found, losses = taught(dataclasses.replace(CONFIGS[name], strategy="mirrored", devices=devices), steps)
        assert largest(began, first) == 0
        difference = largest(found, expected)
        print(f"{name}: {devices} devices, {steps} steps: weights differ by {difference:.1e} (moved {moved:.1e})")
        assert difference <= TOLERANCE < moved, (name, difference, moved)
        np.testing.assert_allclose(losses, of_one, rtol=1e-4)


def hub_steps(folder: Path) -> None:
    """See the same of KerasHub's RetinaNet."""
    from metricfit.trainers.models.hub.encoders import ENCODERS, resnet

    CONFIGS["hub"] = DetectionConfig(
        data="discs:train", size=64, model="hub:retinanet", loss="ap", head_layers=0, **_COMMON
    )
    ENCODERS["tiny"] = lambda shape: resnet(shape, [1, 1, 1, 1], "basic_block", (64, 8, 8, 16))
    equal_steps(folder, ("hub",), steps=2)


def steps_of_two(folder: Path) -> None:
    """See the same of two devices."""
    equal_steps(folder, devices=2)


PROGRAMS = {"equal_steps": equal_steps, "steps_of_two": steps_of_two, "hub_steps": hub_steps}


def parts_of_cpu(count: int) -> None:
    """Cut the CPU, before TensorFlow computes anything."""
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)


if __name__ == "__main__":
    parts_of_cpu(4)
    with registered():
        PROGRAMS[sys.argv[1]](Path(sys.argv[2]))
