"""The tables of `bench` for detection: the training step and its losses, pipeline, backbones."""

from collections.abc import Callable
from functools import partial

import numpy as np
import tensorflow as tf

from ... import losses
from ...losses.boxes import aligned_giou, giou_error
from ...trainers.data.sources import open_source
from ...trainers.models import BACKBONES, build_retinanet
from ...trainers.models.detector.detect import decode_boxes
from ...trainers.models.detector.loss import class_labels
from ...trainers.tasks import get_task
from ...trainers.training.config import DetectionConfig
from ...trainers.training.optimizer import build_optimizer
from ..options import BenchOptions
from .loop import loop_over_positives
from .timing import MODES, interleaved, rate, value_and_gradients

COMPARED = ("focal", "ap", "alrp")


def bench_train(options: BenchOptions) -> list[dict]:
    """Time the losses alone on a step's own logits and labels, beside the loop, and the whole step with each."""
    config = _config(options)
    source = open_source(options.data, needs="boxes")
    batch = next(iter(get_task("detection").training_batches(config, source, 0)))
    model = get_task("detection").build_model(config, source)
    alone = _losses_alone(model, batch)
    steps = {("whole step", name): _step(config, source, batch, loss=name) for name in COMPARED}
    times = interleaved(alone, max(options.repeats, 7)) | interleaved(steps, options.repeats)
    return [
        {"what": what, "loss": name, "ms": 1e3 * value, "against focal": value / times[_focal(what), "focal"]}
        for (what, name), value in times.items()
    ]


def bench_data(options: BenchOptions) -> list[dict]:
    """Time the training stream alone against the training step that eats it."""
    config = _config(options)
    source = open_source(options.data, needs="boxes")
    count = 4 * options.repeats
    stream = iter(get_task("detection").training_batches(config, source, 0))
    batch = next(stream)
    rates = {"pipeline": rate(stream, count, config.batch_size)}
    step = interleaved({"step": _step(config, source, batch, loss=config.loss)}, options.repeats)["step"]
    eaten = config.batch_size / step
    rates[f"training step, {config.backbone}"] = eaten
    return [{"what": name, "images/s": each, "against the step": each / eaten} for name, each in rates.items()]


def bench_models(options: BenchOptions) -> list[dict]:
    """Count parameters and time inference with decoding, one picture at a time, of every backbone's RetinaNet."""
    picture = tf.zeros((1, options.size, options.size, 3), tf.uint8)
    actions, parameters = {}, {}
    for name in BACKBONES:
        model = build_retinanet(name, size=options.size, class_names=("object",))
        actions[name] = partial(get_task("detection").predictor(model), picture)
        parameters[name] = model.count_params()
    times = interleaved(actions, options.repeats)
    first = next(iter(times.values()))
    return [
        {"backbone": name, "parameters M": parameters[name] / 1e6, "ms": 1e3 * value, "ratio": value / first}
        for name, value in times.items()
    ]


def _config(options: BenchOptions) -> DetectionConfig:
    return DetectionConfig(
        data=options.data,
        backbone=options.backbone,
        size=options.size,
        batch_size=options.batch_size,
        seed=options.seed,
    )


def _focal(what: str) -> str:
    return "loss alone, graph" if what == "loss alone, loop" else what


def _losses_alone(model, batch) -> dict[tuple, Callable]:
    """Make an action of each compared loss on what the untrained model gives for a batch, and of the loop."""
    images, truth = batch
    heads = model(images, training=True)
    targets = model.assign(truth["boxes"], truth["classes"])
    logits = heads["classification"]
    labels = class_labels(targets, logits.shape[-1])
    error = giou_error(aligned_giou(decode_boxes(heads["box"], model.anchors), targets.boxes))[..., tf.newaxis]
    actions = {}
    for mode, compiled in MODES.items():
        for name in COMPARED:
            loss = losses.get(name)
            step = value_and_gradients(
                lambda fixed, watched, loss=loss: [part for part in loss.parts(fixed[0], *watched) if part is not None],
                compiled=compiled,
            )
            watched = [logits, error] if loss.needs else [logits]
            actions[f"loss alone, {mode}", name] = partial(_run, step, [labels], watched)
    flat = [labels.numpy().reshape(-1), logits.numpy().reshape(-1)]
    each = np.broadcast_to(error.numpy(), logits.shape).reshape(-1)
    actions["loss alone, loop", "ap"] = partial(loop_over_positives, *flat)
    actions["loss alone, loop", "alrp"] = partial(loop_over_positives, *flat, each)
    return actions


def _run(step: Callable, fixed: list, watched: list) -> None:
    step(fixed, watched)[0].numpy()


def _step(config: DetectionConfig, source, batch, *, loss: str) -> Callable[[], object]:
    model = get_task("detection").build_model(config, source)
    model.compile(optimizer=build_optimizer(config, 1000), loss=loss, jit_compile=False)
    model.make_train_function()
    again = iter(tf.data.Dataset.from_tensors(batch).repeat())
    return lambda: float(model.train_function(again)["loss"])
