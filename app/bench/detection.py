"""The tables of `bench` for detection: the training step and its losses, pipeline, backbones."""

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ... import losses
from ...losses.boxes import aligned_giou, giou_error
from ...trainers.data.sources import open_source
from ...trainers.models.backbones.builders import BACKBONES
from ...trainers.models.detector.loss import class_labels
from ...trainers.models.registry import serving
from ...trainers.tasks import get_task
from ...trainers.training.config import DetectionConfig
from ...trainers.training.optimizer import build_optimizer
from ..options import BenchOptions
from .base import MODES, Bench, Table, against_step, interleaved, rate, ratio_rows, shape_of, value_and_gradients
from .hlo import Program
from .loop import loop_over_positives
from .ranking import bench_losses, ranking_programs

COMPARED = ("focal", "ap", "alrp")


class DetectionBench(Bench):
    """Boxes, and losses that rank them."""

    name = "detection"
    size, batch_size = 512, 4
    usual_for = ("losses", "train")

    def __init__(self) -> None:
        self.tables = {"losses": bench_losses, "data": self.data, "train": self.train, "models": bench_models,
                       "guard": self.guard}  # fmt: skip

    def programs(self, options: BenchOptions) -> dict[str, Program]:
        """Give the losses of a million anchors."""
        return ranking_programs(options)

    def data(self, options: BenchOptions) -> Table:
        """Time the training stream alone against the training step that eats it."""
        config, source = self.config(options), open_source(options.data, needs="boxes")
        stream = iter(self.task.training_batches(config, source, 0))
        batch = next(stream)
        rates = {"pipeline": rate(stream, 4 * options.repeats, config.batch_size)}
        return against_step(rates, _step(config, source, batch, loss=config.loss), options)

    def train(self, options: BenchOptions) -> Table:
        """Time the losses alone on a step's own logits and labels, beside the loop, and the whole step with each."""
        config, source = self.config(options), open_source(options.data, needs="boxes")
        batch = next(iter(self.task.training_batches(config, source, 0)))
        alone = _losses_alone(self.task.build_model(config, source), batch)
        steps = {("whole step", name): _step(config, source, batch, loss=name) for name in COMPARED}
        times = interleaved(alone, max(options.repeats, 7)) | interleaved(steps, options.repeats)
        return ratio_rows(times, "what", "loss", ratio="against focal", to=_focal)


def bench_models(options: BenchOptions) -> Table:
    """Count parameters and time inference with decoding, one picture at a time, of every network and backbone."""
    *_, size = shape_of(options)
    picture = tf.zeros((1, size, size, 3), tf.uint8)
    actions, parameters = {}, {}
    for name, architecture in serving("detection").items():
        for backbone in BACKBONES:
            model = architecture.load()(backbone, size=size, class_names=("object",))
            actions[name, backbone] = partial(get_task("detection").predictor(model), picture)
            parameters[name, backbone] = {"parameters M": model.count_params() / 1e6}
    return ratio_rows(interleaved(actions, options.repeats), "model", "backbone", more=parameters)


def _focal(key: tuple[str, str]) -> tuple[str, str]:
    return ("loss alone, graph" if key[0] == "loss alone, loop" else key[0]), "focal"


def _losses_alone(model: keras.Model, batch: tuple) -> dict[tuple[str, str], Callable[[], object]]:
    """Make an action of each compared loss on what the untrained model gives for a batch, and of the loop."""
    images, truth = batch
    heads = model(images, training=True)
    targets = model.assign(truth["boxes"], truth["classes"], heads)
    logits = heads["classification"]
    labels = class_labels(targets, logits.shape[-1])
    error = giou_error(aligned_giou(model.coder.decode(heads["box"], model.references(heads)), targets.boxes))[
        ..., tf.newaxis
    ]
    actions: dict[tuple[str, str], Callable[[], object]] = {}
    for mode, compiled in MODES.items():
        for name in COMPARED:
            loss = losses.get(name)
            step = value_and_gradients(
                lambda fixed, watched, loss=loss: [part for part in loss.parts(fixed[0], *watched) if part is not None],
                compiled=compiled,
            )
            watched = [logits, error] if loss.needs else [logits]
            actions[f"loss alone, {mode}", name] = partial(_run, step, [labels], watched)
    flat = labels.numpy().reshape(-1), logits.numpy().reshape(-1)
    each = np.broadcast_to(error.numpy(), logits.shape).reshape(-1)
    actions["loss alone, loop", "ap"] = partial(loop_over_positives, *flat)
    actions["loss alone, loop", "alrp"] = partial(loop_over_positives, *flat, each)
    return actions


def _run(step: Callable, fixed: list[tf.Tensor], watched: list[tf.Tensor]) -> None:
    step(fixed, watched)[0].numpy()


def _step(config: DetectionConfig, source: Any, batch: tuple, *, loss: str) -> Callable[[], object]:
    model = get_task("detection").build_model(config, source)
    model.compile(optimizer=build_optimizer(config, 1000), loss=loss, jit_compile=False)
    model.make_train_function()
    again = iter(tf.data.Dataset.from_tensors(batch).repeat())
    return lambda: float(model.train_function(again)["loss"])
