"""The tables of `bench` for saliency: losses against cross-entropy, pipeline, training step, networks, F-measure."""

from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from ... import losses
from ...trainers.data.example import IGNORE
from ...trainers.data.sources import open_source
from ...trainers.errors import UsageError
from ...trainers.geometry import height_width
from ...trainers.metrics import FMeasureCurve
from ...trainers.models.backbones.builders import BACKBONES
from ...trainers.models.deeplab import build_deeplab
from ...trainers.models.registry import serving
from ...trainers.training.config import SaliencyConfig
from ..options import BenchOptions
from .base import (
    MODES,
    Bench,
    Table,
    against_step,
    interleaved,
    loss_programs,
    loss_step,
    rate,
    ratio_rows,
    shape_of,
    training_step,
)
from .hlo import Program


class SaliencyBench(Bench):
    """Masks and maps."""

    name = "saliency"
    size, batch_size = 192, 16

    def __init__(self) -> None:
        self.tables = {"losses": bench_losses, "data": self.data, "train": self.train, "models": bench_models,
                       "metrics": bench_metrics, "guard": self.guard, "packed": self.packed}  # fmt: skip

    def programs(self, options: BenchOptions) -> dict[str, Program]:
        """Give the losses of maps."""
        logits, masks = _inputs(options)
        built = {name: losses.get(name, from_logits=True) for name in loss_names()}
        return loss_programs(built, masks, logits)

    def data(self, options: BenchOptions) -> Table:
        """Time the training stream alone against the training step that eats it."""
        config, source, count = self.config(options), open_source(options.data), 4 * options.repeats
        stream = iter(self.task.training_batches(config, source, 0))
        epoch = self.task.steps_per_epoch(config, source)
        cold = min(epoch, count)
        rates = {"pipeline, first epoch": rate(stream, cold, config.batch_size)}
        for _ in range(epoch - cold):
            next(stream)
        rates["pipeline, later epochs"] = rate(stream, count, config.batch_size)
        return against_step(rates, _training_step(config, jit_compile=False), options)

    def train(self, options: BenchOptions) -> Table:
        """Time the training step for each loss, and with XLA."""
        config = self.config(options)
        names = dict.fromkeys(["cross_entropy", *loss_names()])
        actions = {f"{config.backbone}, {name}": _training_step(config, jit_compile=False, loss=name) for name in names}
        actions[f"{config.backbone}, floss, XLA"] = _training_step(config, jit_compile=True, loss="floss")
        return ratio_rows(interleaved(actions, options.repeats), "step", images=config.batch_size)


def loss_names() -> list[str]:
    """Names of the losses of the task."""
    return [name for name, entry in losses.LOSSES.items() if entry.task == "saliency"]


def bench_losses(options: BenchOptions) -> Table:
    """Time value and gradient of every registered loss alone, in graph mode and under XLA."""
    logits, masks = _inputs(options)
    timed = {"keras binary cross-entropy": keras.losses.BinaryCrossentropy(from_logits=True)}
    for name in loss_names():
        timed[name] = losses.get(name, from_logits=True)
        timed[f"{name}, ignoring {IGNORE}"] = losses.get(name, from_logits=True, ignore_label=IGNORE)
    rows: Table = [{} for _ in timed]
    for mode, compiled in MODES.items():
        actions = {name: loss_step(loss, masks, logits, compiled=compiled) for name, loss in timed.items()}
        found = ratio_rows(interleaved(actions, options.repeats), "loss", unit=f"{mode} ms", ratio=f"{mode} ratio")
        rows = [{**before, **row} for before, row in zip(rows, found)]
    return rows


def bench_models(options: BenchOptions) -> Table:
    """Count parameters and time inference, one picture at a time, of every network that can be trained."""
    picture = tf.zeros((1, options.size, options.size, 3))
    builders: dict[tuple[str, str], Callable[..., keras.Model]] = {}
    for name, architecture in serving("saliency").items():
        if "backbone" in architecture.settings:
            builders |= {(name, backbone): partial(architecture.load(), backbone) for backbone in BACKBONES}
        else:
            builders[name, architecture.backbone.lower()] = architecture.load()
    actions, parameters = {}, {}
    for names, build in builders.items():
        model = build(size=options.size)
        infer = tf.function(lambda image, model=model: model(image, training=False))
        actions[names] = lambda infer=infer: infer(picture).numpy()
        parameters[names] = {"parameters M": model.count_params() / 1e6}
    return ratio_rows(interleaved(actions, options.repeats), "model", "backbone", more=parameters)


def bench_metrics(options: BenchOptions) -> Table:
    """Time the F-measure of one 400x300 map at all thresholds, against pysodmetrics."""
    try:
        import py_sod_metrics
    except ImportError as error:
        raise UsageError("bench metrics compares with pysodmetrics: pip install --no-deps pysodmetrics") from error
    rng = np.random.default_rng(options.seed)
    mask = np.zeros((300, 400), np.uint8)
    mask[80:220, 120:300] = 1
    found = np.clip(0.8 * mask + rng.normal(0.1, 0.2, mask.shape), 0, 1).astype(np.float32)
    truth = mask.astype(bool)

    def ours() -> object:
        curve = FMeasureCurve()
        curve.update(found, mask)
        return curve.result()

    def theirs() -> object:
        # Its own quick way: one handler that needs only F, and the mean absolute error.
        handler = py_sod_metrics.FmeasureHandler(with_dynamic=True, with_adaptive=False, beta=0.3)
        measure, error = py_sod_metrics.FmeasureV2({"F": handler}), py_sod_metrics.MAE()
        measure.step(pred=found, gt=truth, normalize=False)
        error.step(pred=found, gt=truth, normalize=False)
        return measure.get_results(), error.get_results()

    times = interleaved({"metricfit": ours, "pysodmetrics": theirs}, max(options.repeats, 25))
    return ratio_rows(times, "metric", unit="ms an image")


def _inputs(options: BenchOptions) -> tuple[tf.Tensor, tf.Tensor]:
    """Make up logits and masks, [B, S, S]."""
    rng, shape = np.random.default_rng(options.seed), shape_of(options)
    return tf.constant(rng.normal(0, 3, shape), tf.float32), tf.constant(rng.random(shape) < 0.25, tf.int32)


def _training_step(config: SaliencyConfig, *, jit_compile: bool, loss: str = "floss") -> Callable[[], object]:
    shape = config.batch_size, *height_width(config.size)
    masks = tf.constant(np.random.default_rng(config.seed).random(shape) < 0.25, tf.int32)
    model = build_deeplab(config.backbone, size=config.size)
    built = losses.get(loss, from_logits=True, ignore_label=IGNORE)
    return training_step(model, config, built, masks, jit_compile=jit_compile)
