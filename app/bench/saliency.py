"""The tables of `bench` for saliency: losses against cross-entropy, pipeline, training step, backbones, F-measure."""

from collections.abc import Callable
from functools import partial

import keras
import numpy as np
import tensorflow as tf

from ... import losses
from ...trainers.data.example import IGNORE
from ...trainers.data.sources import open_source
from ...trainers.errors import UsageError
from ...trainers.metrics import FMeasureCurve
from ...trainers.models import BACKBONES, build_basnet, build_deeplab, build_dss
from ...trainers.tasks import get_task
from ...trainers.training.config import SaliencyConfig
from ...trainers.training.optimizer import build_optimizer
from ..options import BenchOptions
from .timing import interleaved, rate, value_and_gradients


def loss_names() -> list[str]:
    """Names of the losses of the task."""
    return [name for name, entry in losses.LOSSES.items() if entry.task == "saliency"]


def bench_losses(options: BenchOptions) -> list[dict]:
    """Time value and gradient of every registered loss alone, in graph mode and under XLA."""
    rng = np.random.default_rng(options.seed)
    shape = (options.batch_size, options.size, options.size)
    logits = tf.constant(rng.normal(0, 3, shape), tf.float32)
    masks = tf.constant(rng.random(shape) < 0.25, tf.int32)

    def action(loss, compiled: bool):
        step = value_and_gradients(lambda fixed, watched: loss(fixed[0], watched[0]), compiled=compiled)
        return lambda: step([masks], [logits])[1][0].numpy()

    actions = {"keras binary cross-entropy": keras.losses.BinaryCrossentropy(from_logits=True)}
    for name in loss_names():
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
    stream = iter(get_task("saliency").training_batches(config, source, 0))
    epoch = get_task("saliency").steps_per_epoch(config, source)
    cold = min(epoch, count)
    rates = {"pipeline, first epoch": rate(stream, cold, config.batch_size)}
    for _ in range(epoch - cold):
        next(stream)
    rates["pipeline, later epochs"] = rate(stream, count, config.batch_size)
    step = interleaved({"step": _training_step(config, jit_compile=False)}, options.repeats)["step"]
    eaten = config.batch_size / step
    rates[f"training step, {config.backbone}"] = eaten
    return [{"what": name, "images/s": rate, "against the step": rate / eaten} for name, rate in rates.items()]


def bench_train(options: BenchOptions) -> list[dict]:
    """Time the training step for each loss, and with XLA."""
    config = _config(options)
    actions = {
        f"{config.backbone}, {name}": _training_step(config, jit_compile=False, loss=name)
        for name in ("cross_entropy", *(name for name in loss_names() if name != "cross_entropy"))
    }
    actions[f"{config.backbone}, floss, XLA"] = _training_step(config, jit_compile=True, loss="floss")
    times = interleaved(actions, options.repeats)
    first = next(iter(times.values()))
    return [
        {"step": name, "ms": 1e3 * value, "images/s": config.batch_size / value, "ratio": value / first}
        for name, value in times.items()
    ]


def bench_models(options: BenchOptions) -> list[dict]:
    """Count parameters and time inference, one picture at a time, of every network that can be trained."""
    picture = tf.zeros((1, options.size, options.size, 3))
    builders = {("deeplab", name): partial(build_deeplab, name) for name in BACKBONES}
    builders |= {("dss", name): partial(build_dss, name) for name in BACKBONES}
    builders["basnet", "resnet34"] = build_basnet
    actions, parameters = {}, {}
    for names, build in builders.items():
        model = build(size=options.size)
        infer = tf.function(lambda image, model=model: model(image, training=False))
        actions[names] = lambda infer=infer: infer(picture).numpy()
        parameters[names] = model.count_params()
    times = interleaved(actions, options.repeats)
    first = next(iter(times.values()))
    return [
        {
            "model": model,
            "backbone": backbone,
            "parameters M": parameters[model, backbone] / 1e6,
            "ms": 1e3 * value,
            "ratio": value / first,
        }
        for (model, backbone), value in times.items()
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


def _config(options: BenchOptions) -> SaliencyConfig:
    return SaliencyConfig(
        data=options.data,
        backbone=options.backbone,
        size=options.size,
        batch_size=options.batch_size,
        seed=options.seed,
    )


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
