"""Segmentation: a picture in, a class for each pixel out; trained by Lovász-Softmax and others, judged by mIoU."""

import functools
import logging
from pathlib import Path

import keras
import tensorflow as tf

from ... import losses
from ..data.batches import pipeline
from ..data.batches.class_weights import class_weights
from ..data.batches.equibatch import Equibatch
from ..data.example import IGNORE, Source
from ..data.labels import LabelCoding, class_counts
from ..data.targets import TARGETS
from ..errors import DataError, UsageError
from ..judge.classes import SegmentationReport, measure
from ..judge.views import PLAIN, Views
from ..models import at_size, build_deeplab, build_enet
from ..models.deeplab import CLASS_LAYER
from ..models.layers.class_logits import logits_layer
from ..models.transfer import transfer_by_class
from ..training import run
from ..training.callbacks import EpochReport, FadeByEpoch
from ..training.config import SegmentationConfig, parse_loss_options

log = logging.getLogger("metricfit")


def predictor(model: keras.Model):
    """Make the compiled function from uint8 pictures [B, S, S, 3] to probabilities, float32 [B, S, S, C].

    S is the side of the model's input, or another multiple of 32, for which the model is built anew with the weights
    that it has at the first such call.
    """

    @functools.cache
    def compiled(side):
        fitting = model if side == model.input_shape[1] else at_size(model, side)

        @tf.function(reduce_retracing=True)
        def probabilities(images):
            return tf.nn.softmax(fitting(images, training=False))

        return probabilities

    return lambda images: compiled(images.shape[1])(tf.convert_to_tensor(images)).numpy()


def evaluate(
    model: keras.Model,
    source: Source,
    *,
    batch_size: int = 16,
    views: Views = PLAIN,
    label: str = "model",
    quiet: bool = False,
) -> SegmentationReport:
    """Judge a Keras model at the labels' own size.

    Args:
        model: as `build_deeplab` makes it with class names, or `build_enet`.
        source: examples with labels, the indices of its `class_names`.
        batch_size: pictures a call of the model, and a batch of `batch_miou`.
        views: how each picture is shown to the model, once or at several scales.
        label: name of the model in figures.
        quiet: no progress bar.

    Returns:
        The report; `segmentation_report.measure` makes one of any predict function.
    """
    return _measure(predictor(model), model, source, batch_size=batch_size, views=views, label=label, quiet=quiet)


def _measure(predict, model, source: Source, **options) -> SegmentationReport:
    layer = logits_layer(model)
    return measure(
        predict,
        source,
        size=model.input_shape[1],
        resizing=layer.resizing,
        class_names=layer.class_names,
        **options,
    )


def build_loss(config: SegmentationConfig, weights: list[float] | None = None) -> keras.losses.Loss:
    """Make the configured loss, on logits and with the ignore label of class maps.

    Args:
        config: names the loss, the one that it fades from, and their options, of which each takes those that it has.
        weights: a weight for each class, or None.

    Returns:
        The loss; where there is a fading, a `Combined` of both that begins with all of the first.

    Raises:
        UsageError: no such loss for segmentation, or it refuses its options or weights.
    """
    written = {"--loss": config.loss}
    if config.fade_from is not None:
        written = {"--fade-from": config.fade_from, **written}
    taken = {flag: _hyperparameters(flag, text) for flag, text in written.items()}
    options = parse_loss_options(config.loss_options)
    if config.class_weights != "none":
        if not any("class_weights" in names for names in taken.values()):
            raise UsageError(f"--loss {config.loss} takes no weights of classes: leave --class-weights away")
        if "class_weights" in options:
            raise UsageError("--class-weights computes what --loss-options class_weights gives: leave one of them away")
        options["class_weights"] = weights
    known = set().union(*taken.values())
    parts = []
    for flag, text in written.items():
        # What none of them knows is left for them to refuse.
        own = {name: value for name, value in options.items() if name in taken[flag] or name not in known}
        # Hinges are of scores anyway.
        logits = {"from_logits": True} if "from_logits" in taken[flag] else {}
        try:
            parts.append(losses.get(text, ignore_label=IGNORE, **logits, **own))
        except (ValueError, TypeError) as error:
            raise UsageError(f"{flag} {text}: {error}") from error
    return parts[0] if len(parts) == 1 else losses.Combined(parts, [1.0, 0.0])


def _hyperparameters(flag: str, text: str) -> set[str]:
    """Give what the losses of a sum, written "a + 0.5 * b", can be told."""
    try:
        names = losses.read_sum(text)
    except ValueError as error:
        raise UsageError(f"{flag} {text}: {error}") from error
    known = {name: entry for name, entry in losses.LOSSES.items() if entry.task == "segmentation"}
    for name in names:
        if name not in known:
            raise UsageError(
                f"{flag} {text}: {name or 'nothing'} is no segmentation loss: choose among {', '.join(known)}"
            )
    return {key for name in names for key in known[name].hyperparameters}


_OF_DEEPLAB = ("backbone", "weights", "aspp_dilations", "aspp_channels", "head_channels")


def _fade_epochs(config: SegmentationConfig) -> tuple[float, float]:
    return config.fade_epochs or (config.epochs / 4, config.epochs * 3 / 4)


def _check_fading(config: SegmentationConfig) -> None:
    if config.fade_epochs and config.fade_from is None:
        raise UsageError("--fade-epochs needs --fade-from, a loss to begin with")
    epochs = _fade_epochs(config)
    if len(epochs) != 2 or not 0 <= epochs[0] <= epochs[1] <= config.epochs:
        raise UsageError(f"--fade-epochs must be two numbers, 0 to --epochs {config.epochs} in order, got {epochs}")


def _check(config: SegmentationConfig) -> None:
    build_loss(config)
    _check_fading(config)
    defaults = SegmentationConfig()
    for name in _OF_DEEPLAB:
        if config.model == "enet" and getattr(config, name) != getattr(defaults, name):
            raise UsageError(f"--{name.replace('_', '-')} is for --model deeplab, ENet has no such part: leave it out")
    LabelCoding(config.classes, config.ignore)
    for name in ("aspp_channels", "head_channels"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be at least 1, got {value}")
    if not config.aspp_dilations or min(config.aspp_dilations) < 1:
        raise UsageError(f"--aspp-dilations must be at least 1 each, got {config.aspp_dilations}")
    if not 0 <= config.momentum < 1:
        raise UsageError(f"--momentum must be in [0, 1), got {config.momentum}")
    if not config.power > 0:
        raise UsageError(f"--power must be above 0, got {config.power}")


def _check_data(config: SegmentationConfig, training: Source, selection: Source) -> None:
    if len(training.class_names) < 2:
        raise UsageError(f"{training.name} has the class {training.class_names[0]} alone: segmentation needs two")
    for source in (training, selection):
        # The first example with a pixel that counts ends the search.
        if not any((source.load(index).labels != IGNORE).any() for index in range(len(source))):
            raise DataError(f"no pixel of {source.name} counts, all are ignored: choose other data or another --ignore")


def _build_model(config: SegmentationConfig, source: Source) -> keras.Model:
    shared = {"size": config.size, "class_names": source.class_names, "resizing": config.resizing}
    if config.model == "enet":
        return build_enet(**shared)
    return build_deeplab(
        config.backbone,
        weights=config.weights,
        **shared,
        aspp_channels=config.aspp_channels,
        head_channels=config.head_channels,
        aspp_dilations=config.aspp_dilations,
    )


def initialise(model: keras.Model, trained: keras.Model) -> None:
    """Give a segmentation model the weights of a trained one; classes are brought together by their names.

    Args:
        model: as `build_deeplab` makes it with class names, or `build_enet`.
        trained: another of the same kind, backbone and widths, or a saliency model that shares these; size and classes
            may differ. Classes that it does not know keep their first weights.

    Raises:
        ValueError: the networks differ.
    """
    new, old = logits_layer(model), logits_layer(trained)
    # A saliency model has one map, which is no class of ours.
    names = old.class_names if old else ("",)
    last = [weight for weight in model.weights if CLASS_LAYER in weight.path]
    transfer_by_class(model, trained, last, new.class_names, names)


def _compile_model(model: keras.Model, config: SegmentationConfig, optimizer, training: Source) -> None:
    weights = None
    if config.class_weights != "none":
        weights = class_weights(class_counts(training, quiet=config.quiet), config.class_weights)
        listed = ", ".join(f"{name} {weight:.3g}" for name, weight in zip(training.class_names, weights))
        log.info("class weights: %s", listed)
    model.compile(optimizer=optimizer, loss=build_loss(config, weights), jit_compile=config.jit_compile)


def _training_batches(config: SegmentationConfig, source: Source, start_step: int) -> tf.data.Dataset:
    sampler = Equibatch(class_counts(source, quiet=config.quiet), config.seed) if config.equibatch else None
    return pipeline.training_batches(
        source,
        TARGETS["labels"],
        size=config.size,
        batch_size=config.batch_size,
        seed=config.seed,
        augmentation=config.augmentation,
        resizing=config.resizing,
        sampler=sampler,
        start_step=start_step,
        cache_mib=config.cache_mib,
    )


def _selection_batches(config: SegmentationConfig, source: Source) -> tf.data.Dataset:
    return pipeline.evaluation_batches(
        source, TARGETS["labels"], size=config.size, batch_size=config.batch_size, resizing=config.resizing
    )


def _watchers(config: SegmentationConfig, folder: Path, selection: Source) -> list:
    compiled = {}  # once, for the one model that a training has

    def judge(model):
        predict = compiled.get("predict") or compiled.setdefault("predict", predictor(model))
        return _measure(predict, model, selection, batch_size=config.batch_size, label=config.loss, quiet=True)

    def draw(report, title):
        return report.figures(title)

    fading = [FadeByEpoch(*_fade_epochs(config))] if config.fade_from is not None else []
    return [*fading, EpochReport(judge, folder / "tensorboard/panels", draw)]


def _evaluate(model: keras.Model, config: SegmentationConfig, source: Source) -> SegmentationReport:
    return evaluate(model, source, batch_size=config.batch_size, label=config.loss, quiet=config.quiet)


TASK = run.Task(
    name="segmentation",
    needs="labels",
    main_metric="dataset_miou_present",
    shown=("dataset_miou_present", "image_miou", "pixel_accuracy"),
    network=("model", "backbone", "aspp-channels", "aspp-dilations", "head-channels"),
    check=_check,
    check_data=_check_data,
    build_model=_build_model,
    initialise=lambda config, model, trained: initialise(model, trained),
    compile_model=_compile_model,
    training_batches=_training_batches,
    steps_per_epoch=lambda config, source: pipeline.steps_per_epoch(source, config.batch_size),
    selection_batches=_selection_batches,
    watchers=_watchers,
    evaluate=_evaluate,
    source_options=lambda config: {"coding": LabelCoding(config.classes, config.ignore)},
)


def train(config: SegmentationConfig) -> run.RunResult:
    """Train, or continue, a segmentation model; see `run.train`."""
    return run.train(TASK, config)
