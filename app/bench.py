"""The verb `bench`: speed as ratios inside one run, since machines differ and are noisy."""

import logging
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from .. import losses
from ..trainers import saliency
from ..trainers.config import SaliencyConfig
from ..trainers.data.sources import IGNORE, open_source
from ..trainers.errors import UsageError
from ..trainers.metrics import FMeasureCurve
from ..trainers.models import BACKBONES, build_deeplab
from ..trainers.optimizer import build_optimizer
from .options import BenchOptions
from .reports import grid, made, write_csv

log = logging.getLogger("metricfit")
# Every timed function is traced once, and TensorFlow would warn of it.
tf.get_logger().setLevel("ERROR")


def run(options: BenchOptions) -> int:
    """Run one benchmark; gives the exit code."""
    rows = BENCHMARKS[options.what](options)
    headings = list(rows[0])
    log.info("\n%s\n", grid([headings, *([_shown(row[heading]) for heading in headings] for row in rows)]))
    log.info("%s", made([write_csv(Path(options.out) / f"{options.what}.csv", rows)]))
    return 0


def interleaved(actions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Time actions in turns, so that a slow moment of the machine hits all of them.

    Args:
        actions: what to time, by name; each is called once before, unmeasured.
        repeats: measured calls of each.

    Returns:
        Median seconds by name.
    """
    for action in actions.values():
        action()
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(repeats):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def bench_losses(options: BenchOptions) -> list[dict]:
    """Time value and gradient of every registered loss alone, in graph mode and under XLA."""
    rng = np.random.default_rng(options.seed)
    shape = (options.batch_size, options.size, options.size)
    logits = tf.constant(rng.normal(0, 3, shape), tf.float32)
    masks = tf.constant(rng.random(shape) < 0.25, tf.int32)

    def action(loss, compiled: bool):
        @tf.function(jit_compile=compiled)
        def value_and_gradient(y_true, y_pred):
            with tf.GradientTape() as tape:
                tape.watch(y_pred)
                value = loss(y_true, y_pred)
            return value, tape.gradient(value, y_pred)

        return lambda: value_and_gradient(masks, logits)[1].numpy()

    actions = {"keras binary cross-entropy": keras.losses.BinaryCrossentropy(from_logits=True)}
    for name in losses.LOSSES:
        actions[name] = losses.get(name, from_logits=True)
        actions[f"{name}, ignoring {IGNORE}"] = losses.get(name, from_logits=True, ignore_label=IGNORE)
    graph = interleaved({name: action(loss, False) for name, loss in actions.items()}, options.repeats)
    compiled = interleaved({name: action(loss, True) for name, loss in actions.items()}, options.repeats)
    first = next(iter(actions))
    return [
        {
            "loss": name,
            "graph ms": 1e3 * graph[name],
            "graph ratio": graph[name] / graph[first],
            "XLA ms": 1e3 * compiled[name],
            "XLA ratio": compiled[name] / compiled[first],
        }
        for name in actions
    ]


def bench_data(options: BenchOptions) -> list[dict]:
    """Time the training stream alone against the training step that eats it."""
    config = _config(options)
    source = open_source(options.data)
    count = 4 * options.repeats
    stream = iter(saliency.TASK.training_batches(config, source, 0))
    epoch = saliency.TASK.steps_per_epoch(config, source)
    cold = min(epoch, count)
    rates = {"pipeline, first epoch": _rate(stream, cold, config.batch_size)}
    for _ in range(epoch - cold):
        next(stream)
    rates["pipeline, later epochs"] = _rate(stream, count, config.batch_size)
    step = interleaved({"step": _training_step(config, jit_compile=False)}, options.repeats)["step"]
    eaten = config.batch_size / step
    rates[f"training step, {config.backbone}"] = eaten
    return [{"what": name, "images/s": rate, "against the step": rate / eaten} for name, rate in rates.items()]


def bench_train(options: BenchOptions) -> list[dict]:
    """Time the training step for each loss, and with XLA."""
    config = _config(options)
    actions = {
        f"{config.backbone}, {name}": _training_step(config, jit_compile=False, loss=name)
        for name in ("cross_entropy", *(name for name in losses.LOSSES if name != "cross_entropy"))
    }
    actions[f"{config.backbone}, floss, XLA"] = _training_step(config, jit_compile=True, loss="floss")
    times = interleaved(actions, options.repeats)
    first = next(iter(times.values()))
    return [
        {"step": name, "ms": 1e3 * value, "images/s": config.batch_size / value, "ratio": value / first}
        for name, value in times.items()
    ]


def bench_models(options: BenchOptions) -> list[dict]:
    """Count parameters and time inference, one picture at a time, of every backbone's DeepLab."""
    picture = tf.zeros((1, options.size, options.size, 3))
    actions, parameters = {}, {}
    for name in BACKBONES:
        model = build_deeplab(name, size=options.size)
        infer = tf.function(lambda image, model=model: model(image, training=False))
        actions[name] = lambda infer=infer: infer(picture).numpy()
        parameters[name] = model.count_params()
    times = interleaved(actions, options.repeats)
    first = next(iter(times.values()))
    return [
        {"backbone": name, "parameters M": parameters[name] / 1e6, "ms": 1e3 * value, "ratio": value / first}
        for name, value in times.items()
    ]


def bench_metrics(options: BenchOptions) -> list[dict]:
    """Time the F-measure of one 400x300 map at all thresholds, against pysodmetrics."""
    try:
        import py_sod_metrics
    except ImportError as error:
        raise UsageError("bench metrics compares with pysodmetrics: pip install --no-deps pysodmetrics") from error
    rng = np.random.default_rng(options.seed)
    mask = np.zeros((300, 400), np.uint8)
    mask[80:220, 120:300] = 1
    saliency = np.clip(0.8 * mask + rng.normal(0.1, 0.2, mask.shape), 0, 1).astype(np.float32)

    truth = mask.astype(bool)

    def ours():
        curve = FMeasureCurve()
        curve.update(saliency, mask)
        return curve.result()

    def theirs():
        # Its own quick way: one handler that needs only F, and the mean absolute error.
        handler = py_sod_metrics.FmeasureHandler(with_dynamic=True, with_adaptive=False, beta=0.3)
        measure, error = py_sod_metrics.FmeasureV2({"F": handler}), py_sod_metrics.MAE()
        measure.step(pred=saliency, gt=truth, normalize=False)
        error.step(pred=saliency, gt=truth, normalize=False)
        return measure.get_results(), error.get_results()

    times = interleaved({"metricfit": ours, "pysodmetrics": theirs}, max(options.repeats, 25))
    return [
        {"metric": name, "ms an image": 1e3 * value, "ratio": value / times["metricfit"]}
        for name, value in times.items()
    ]


BENCHMARKS = {
    "losses": bench_losses,
    "data": bench_data,
    "train": bench_train,
    "models": bench_models,
    "metrics": bench_metrics,
}


def _config(options: BenchOptions) -> SaliencyConfig:
    return SaliencyConfig(
        data=options.data,
        backbone=options.backbone,
        size=options.size,
        batch_size=options.batch_size,
        seed=options.seed,
    )


def _rate(stream, count: int, batch_size: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        next(stream)
    return count * batch_size / (time.perf_counter() - start)


def _training_step(config: SaliencyConfig, *, jit_compile: bool, loss: str = "floss") -> Callable[[], object]:
    model = build_deeplab(config.backbone, size=config.size)
    model.compile(
        optimizer=build_optimizer(config, 1000),
        loss=losses.get(loss, from_logits=True, ignore_label=IGNORE),
        jit_compile=jit_compile,
    )
    rng = np.random.default_rng(config.seed)
    shape = (config.batch_size, config.size, config.size)
    images = tf.constant(rng.integers(0, 256, (*shape, 3), np.uint8))
    masks = tf.constant(rng.random(shape) < 0.25, tf.int32)
    return lambda: model.train_on_batch(images, masks)


def _shown(value) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if value < 100 else f"{value:.0f}"
    return str(value)
