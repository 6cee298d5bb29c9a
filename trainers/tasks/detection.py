"""Detection: a picture in, boxes with classes and scores out; trained by ranking losses, judged by COCO AP and oLRP."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ... import losses
from ..data.batches import pipeline
from ..data.example import Source
from ..data.scan.boxes import refuse_without_boxes
from ..data.subset import subset
from ..data.targets import TARGETS
from ..data.targets.boxes import most_boxes
from ..errors import UsageError
from ..judge.boxes import DetectionReport, measure
from ..models.detector.detect import detections
from ..models.detector.retinanet import build_retinanet
from ..models.transfer import transfer_by_class
from ..training import run
from ..training.callbacks import DetectionMetrics, DetectionPanels, RankingWatch, SelfBalancing
from ..training.config import DetectionConfig, parse_loss_options

BALANCED_PICTURES = 16
SELF_BALANCED = ("alrp",)
"""Losses whose boxes' part is weighted by self-balancing unless a weight is given."""


def predictor(model: keras.Model, **options):
    """Make the compiled function from uint8 pictures [B, S, S, 3] to what is found in them.

    Args:
        model: a `RetinaNet`.
        **options: of `models.detect.detections`.

    Returns:
        A function that gives boxes float32 [B, K, 4] in pixels of the input, scores float32 [B, K] in falling order,
        classes int32 [B, K] and their count int32 [B], as NumPy arrays.
    """
    anchors = tf.constant(model.anchors)

    @tf.function(reduce_retracing=True)
    def found(images):
        heads = model(images, training=False)
        return detections(heads["classification"], heads["box"], anchors, model.size, **options)

    return lambda images: tuple(part.numpy() for part in found(tf.convert_to_tensor(images)))


def evaluate(
    model: keras.Model, source: Source, *, batch_size: int = 8, label: str = "model", quiet: bool = False
) -> DetectionReport:
    """Judge a Keras detector at the pictures' own sizes.

    Args:
        model: a `RetinaNet`.
        source: examples with boxes.
        batch_size: pictures a call of the model.
        label: name of the model in figures.
        quiet: no progress bar.

    Returns:
        The report; `detection_report.measure` makes one of any predict function.
    """
    return _measure(predictor(model), model, source, batch_size=batch_size, label=label, quiet=quiet)


def _measure(predict, model, source: Source, *, batch_size: int, label: str, quiet: bool) -> DetectionReport:
    return measure(
        predict,
        source,
        size=model.size,
        resizing=model.resizing,
        class_names=model.class_names,
        batch_size=batch_size,
        label=label,
        quiet=quiet,
    )


def build_loss(config: DetectionConfig) -> keras.losses.Loss:
    """Make the configured loss of the scores.

    Raises:
        UsageError: no such loss for detection, or it refuses its options.
    """
    entry = losses.LOSSES.get(config.loss)
    if entry is None or entry.task != "detection":
        choices = ", ".join(name for name, entry in losses.LOSSES.items() if entry.task == "detection")
        raise UsageError(f"--loss {config.loss} is no detection loss: choose one of {choices}")
    try:
        return losses.get(config.loss, **parse_loss_options(config.loss_options))
    except (ValueError, TypeError) as error:
        raise UsageError(f"--loss {config.loss}: {error}") from error


def box_loss(config: DetectionConfig) -> str:
    """Name what draws the boxes: the given one, or the loss' usual one."""
    unified = build_loss(config).needs == "localization_error"
    if config.box_loss is None:
        return "giou" if unified else "smooth_l1"
    if unified and config.box_loss == "smooth_l1":
        raise UsageError(f"--loss {config.loss} ranks boxes by their IoU: give --box-loss giou or iou, not smooth_l1")
    return config.box_loss


def _check(config: DetectionConfig) -> None:
    box_loss(config)
    if not 1 <= config.scales_per_octave <= 3:
        raise UsageError(f"--scales-per-octave must be 1, 2 or 3, got {config.scales_per_octave}")
    for name in ("anchor_scale", "box_weight", "max_boxes", "channels"):
        value = getattr(config, name)
        if value is not None and not value > 0:
            raise UsageError(f"--{name.replace('_', '-')} must be above 0, got {value}")
    if config.head_layers < 0:
        raise UsageError(f"--head-layers must be 0 or more, got {config.head_layers}")


def _check_data(config: DetectionConfig, training: Source, selection: Source) -> None:
    for source in (training, selection):
        most = most_boxes(source)
        if config.max_boxes and most > config.max_boxes:
            raise UsageError(f"a picture of {source.name} has {most} boxes: --max-boxes must be at least that")
    refuse_without_boxes(selection)


def _build_model(config: DetectionConfig, source: Source) -> keras.Model:
    return build_retinanet(
        config.backbone,
        size=config.size,
        class_names=source.class_names,
        weights=config.weights,
        scales_per_octave=config.scales_per_octave,
        channels=config.channels,
        head_layers=config.head_layers,
        anchor_scale=config.anchor_scale,
        assignment=config.assignment,
        resizing=config.resizing,
    )


def initialise(model: keras.Model, trained: keras.Model) -> None:
    """Give a detector the weights of a trained one; classes are brought together by their names.

    Classes that the trained one does not know keep their first weights, as does nothing else.

    Args:
        model: a `RetinaNet`.
        trained: another, of the same backbone, channels, layers and anchors; size and classes may differ.

    Raises:
        ValueError: the networks differ.
    """
    if getattr(trained, "class_names", None) == model.class_names:
        model.set_weights(trained.get_weights())
        return
    if not hasattr(trained, "class_names"):
        raise ValueError("not the same network")
    transfer_by_class(model, trained, model.classification_head.last.weights, model.class_names, trained.class_names)


def _self_balancing(config: DetectionConfig) -> bool:
    return config.loss in SELF_BALANCED and config.box_weight is None


def _compile_model(model: keras.Model, config: DetectionConfig, optimizer, training: Source) -> None:
    model.compile(
        optimizer=optimizer,
        loss=build_loss(config),
        box_loss=box_loss(config),
        box_weight=config.box_weight or 1.0,
        self_balancing=_self_balancing(config),
        jit_compile=config.jit_compile,
    )


def _training_batches(config: DetectionConfig, source: Source, start_step: int) -> tf.data.Dataset:
    return pipeline.training_batches(
        source,
        TARGETS["boxes"],
        size=config.size,
        batch_size=config.batch_size,
        seed=config.seed,
        resizing=config.resizing,
        room=config.max_boxes,
        augmentation=config.augmentation,
        start_step=start_step,
        cache_mib=config.cache_mib,
    )


def _steps_per_epoch(config: DetectionConfig, source: Source) -> int:
    return pipeline.steps_per_epoch(source, config.batch_size)


def _selection_batches(config: DetectionConfig, source: Source) -> tf.data.Dataset:
    return pipeline.evaluation_batches(
        source,
        TARGETS["boxes"],
        size=config.size,
        batch_size=config.batch_size,
        resizing=config.resizing,
        room=config.max_boxes,
    )


def _watchers(config: DetectionConfig, folder: Path, selection: Source) -> list:
    logs = folder / "tensorboard"
    compiled = {}  # once, for the one model that a training has

    def judge(model):
        predict = compiled.get("predict") or compiled.setdefault("predict", predictor(model))
        return _measure(predict, model, selection, batch_size=config.batch_size, label=config.loss, quiet=True)

    some = np.linspace(0, len(selection) - 1, min(BALANCED_PICTURES, len(selection))).astype(int)
    metrics = DetectionMetrics(judge, logs)
    watchers = [
        metrics,
        DetectionPanels(metrics, logs),
        RankingWatch(_selection_batches(config, subset(selection, some)), logs),
    ]
    return [SelfBalancing(), *watchers] if _self_balancing(config) else watchers


def _evaluate(model: keras.Model, config: DetectionConfig, source: Source) -> DetectionReport:
    return evaluate(model, source, batch_size=config.batch_size, label=config.loss, quiet=config.quiet)


TASK = run.Task(
    name="detection",
    needs="boxes",
    main_metric="ap",
    shown=("ap", "ap50", "olrp"),
    network=("backbone", "channels", "head-layers", "scales-per-octave"),
    check=_check,
    check_data=_check_data,
    build_model=_build_model,
    initialise=lambda config, model, trained: initialise(model, trained),
    compile_model=_compile_model,
    training_batches=_training_batches,
    steps_per_epoch=_steps_per_epoch,
    selection_batches=_selection_batches,
    watchers=_watchers,
    evaluate=_evaluate,
)


def train(config: DetectionConfig) -> run.RunResult:
    """Train, or continue, a detector; see `run.train`."""
    return run.train(TASK, config)
