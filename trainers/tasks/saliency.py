"""Saliency: a picture in, one map out, trained and judged by the F-measure."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ... import losses
from ..data.batches import pipeline
from ..data.example import IGNORE, Source
from ..data.images import resize_map
from ..data.subset import subset
from ..data.targets import TARGETS
from ..errors import UsageError
from ..figures.maps import panels_figure, save, threshold_figure
from ..metrics import FirstMapFMeasure, FMeasure, FMeasureCurve, FMeasureResult
from ..metrics.logit_scale import sigmoid
from ..models import build_basnet, build_deeplab, build_dss, has_side_outputs, scale_and_shift_logits
from ..training import run
from ..training.callbacks import PredictionPanels, ThresholdCurves
from ..training.config import SaliencyConfig, parse_loss_options

log = logging.getLogger("metricfit")

PICTURES = 6


@dataclass(frozen=True)
class SaliencyReport:
    """How good a saliency model is on one source.

    Attributes:
        results: the F-measure's results by convention: "curves" (precision and recall averaged over pictures, then
            F: what papers report) and "images" (F of each picture, then averaged).
        pictures: a few (image, mask, map, name), each at its own size.
        label: what the curves are called in figures.
    """

    results: dict[str, FMeasureResult]
    pictures: list[tuple] = field(default_factory=list)
    label: str = "model"

    @property
    def scalars(self) -> dict[str, float]:
        """The main figures, by the convention that papers report."""
        values = self.results["curves"].to_dict(curves=False)
        low, high = values.pop("band")
        return {**values, "band_low": low, "band_high": high}

    def to_dict(self) -> dict:
        """All figures and curves as JSON-able data."""
        return {name: result.to_dict() for name, result in self.results.items()}

    def draw(self, folder) -> list[Path]:
        """Draw F, precision and recall over the threshold, and the pictures; gives the files."""
        folder = Path(folder)
        made = [save(threshold_figure({self.label: self.results["curves"]}), folder / "thresholds.png")]
        if self.pictures:
            images, masks, maps, names = zip(*self.pictures)
            figure = panels_figure(images, masks, maps, names=names, ignore=IGNORE)
            made.append(save(figure, folder / "panels.png"))
        return made


def evaluate(
    predict,
    source: Source,
    *,
    size: int,
    batch_size: int = 16,
    beta2: float = 0.3,
    protocol: str = "raw",
    logit_scale: float = 1.0,
    label: str = "model",
    quiet: bool = False,
) -> SaliencyReport:
    """Judge a saliency model at the labels' own size.

    Args:
        predict: from uint8 pictures [B, size, size, 3] to saliency in [0, 1], float32 [B, size, size].
        source: examples with masks.
        size: side of the network's input in pixels.
        batch_size: pictures a call of `predict`.
        beta2: weight of precision against recall.
        protocol: "raw", or "published" (each map stretched to [0, 1] and cut to 8 bits, as published toolboxes do).
        logit_scale: the maps' logits are multiplied by this first; 1 leaves them alone.
        label: name of the model in figures.
        quiet: no progress bar.

    Returns:
        The report.

    Raises:
        UsageError: beta2 or batch_size out of range.
    """
    _check_beta2(beta2)
    curves = {name: FMeasureCurve(beta2=beta2, average=name, protocol=protocol) for name in ("curves", "images")}
    shown = set(np.linspace(0, len(source) - 1, PICTURES).astype(int).tolist())
    pictures = []
    maps = predicted_maps(predict, source, size, batch_size, quiet=quiet)
    for index, (example, saliency) in enumerate(maps):
        saliency = scale_logits(saliency, logit_scale)
        for curve in curves.values():
            curve.update(saliency, example.mask)
        if index in shown:
            pictures.append((example.image, example.mask, saliency, example.name))
    return SaliencyReport({name: curve.result() for name, curve in curves.items()}, pictures, label)


def predicted_maps(predict, source: Source, size: int, batch_size: int, *, quiet: bool = False):
    """Yield each example with its predicted map, float32 in [0, 1], at the label's own size."""
    batches = pipeline.original_size_examples(source, size, batch_size, quiet=quiet, description="evaluating")
    for images, examples in batches:
        for example, saliency in zip(examples, predict(images)):
            yield example, resize_map(saliency, example.mask.shape)


def to_logits(saliency: np.ndarray) -> np.ndarray:
    """Give the logits behind probabilities, float32 in about [-16, 16]: nearer to 0 and 1 float32 cannot tell."""
    probability = np.clip(saliency, 1e-7, 1 - 1e-7).astype(np.float64)
    return (np.log(probability) - np.log1p(-probability)).astype(np.float32)


def scale_logits(saliency: np.ndarray, factor: float) -> np.ndarray:
    """Multiply the logits behind probabilities by a factor: polarises maps without any training.

    Args:
        saliency: float array in [0, 1].
        factor: above 0; 1 changes nothing.

    Returns:
        float32 array of the same shape, in [0, 1].
    """
    if factor == 1.0:
        return np.asarray(saliency, np.float32)
    return sigmoid(np.float32(factor) * to_logits(saliency))


def predictor(model: keras.Model):
    """Make the compiled function from uint8 pictures [B, S, S, 3] to saliency, float32 [B, S, S] in [0, 1]."""

    @tf.function(reduce_retracing=True)
    def probabilities(images):
        return tf.sigmoid(model(images, training=False))

    return lambda images: probabilities(tf.convert_to_tensor(images)).numpy()


def build_loss(config: SaliencyConfig) -> keras.losses.Loss:
    """Make the configured loss, on logits and with the ignore label of masks.

    Raises:
        UsageError: no such loss, none of a single map, or it refuses its options.
    """
    options = parse_loss_options(config.loss_options)
    choices = [name for name, entry in losses.LOSSES.items() if entry.task != "detection"]
    try:
        for name in losses.read_sum(config.loss):
            if name not in choices:
                raise ValueError(f"{name or 'nothing'} is no loss of maps: choose among {', '.join(choices)}")
        loss = losses.get(config.loss, from_logits=True, ignore_label=IGNORE, **options)
        # Losses of several classes say only here that one map is not enough.
        loss(np.zeros((1, 2, 2), np.int32), np.zeros((1, 2, 2), np.float32))
    except (ValueError, TypeError) as error:
        raise UsageError(f"--loss {config.loss}: {error}") from error
    return loss


def _check(config: SaliencyConfig) -> None:
    _check_beta2(config.beta2)
    build_loss(config)
    if _changes_logits(config):
        _check_init_logits(config)
    if config.model == "basnet":
        _check_basnet(config)


def _changes_logits(config: SaliencyConfig) -> bool:
    return (config.init_threshold, config.init_logit_scale) != (0.5, 1.0)


def _check_init_logits(config: SaliencyConfig) -> None:
    if not config.init_logit_scale > 0:
        raise UsageError(f"--init-logit-scale must be above 0, got {config.init_logit_scale}")
    if not 0 < config.init_threshold < 1:
        raise UsageError(f"--init-threshold must lie between 0 and 1, got {config.init_threshold}")
    if not config.init:
        raise UsageError("--init-threshold and --init-logit-scale change a first model's logits: give --init as well")
    if config.model == "basnet":
        raise UsageError("--init-threshold and --init-logit-scale are not for --model basnet, which sums several maps")


def _check_basnet(config: SaliencyConfig) -> None:
    if config.backbone != SaliencyConfig().backbone:
        raise UsageError("--backbone is for --model deeplab and dss, BASNet is made of a ResNet34 always: leave it out")
    if config.weights == "imagenet" or config.weights.startswith("preset:"):
        raise UsageError(
            f"--weights {config.weights} is not to be had for the ResNet34 of --model basnet: give a .weights.h5 file "
            "of KerasCV's, or none"
        )


def _build_model(config: SaliencyConfig, source: Source) -> keras.Model:
    shared = {"size": config.size, "weights": config.weights}
    if config.model == "basnet":
        return build_basnet(**shared)
    if config.model == "dss":
        return build_dss(config.backbone, **shared)
    return build_deeplab(config.backbone, **shared)


def _initialise(config: SaliencyConfig, model: keras.Model, trained: keras.Model) -> None:
    model.set_weights(trained.get_weights())
    if _changes_logits(config):
        scale_and_shift_logits(model, scale=config.init_logit_scale, threshold=config.init_threshold)


def _check_beta2(beta2: float) -> None:
    if not beta2 > 0:
        raise UsageError(f"--beta2 must be above 0, got {beta2}")


def _compile_model(model: keras.Model, config: SaliencyConfig, optimizer, training: Source) -> None:
    loss, metric = build_loss(config), FMeasure
    if has_side_outputs(model):
        loss, metric = losses.DeepSupervision(loss), FirstMapFMeasure
    f_measure = metric(beta2=config.beta2, from_logits=True, ignore_label=IGNORE, name="f_measure")
    model.compile(optimizer=optimizer, loss=loss, metrics=[f_measure], jit_compile=config.jit_compile)


def _training_batches(config: SaliencyConfig, source: Source, start_step: int) -> tf.data.Dataset:
    return pipeline.training_batches(
        source,
        TARGETS["mask"],
        size=config.size,
        batch_size=config.batch_size,
        seed=config.seed,
        augmentation=config.augmentation,
        resizing="stretch",
        start_step=start_step,
        cache_mib=config.cache_mib,
    )


def _steps_per_epoch(config: SaliencyConfig, source: Source) -> int:
    return pipeline.steps_per_epoch(source, config.batch_size)


def _selection_batches(config: SaliencyConfig, source: Source) -> tf.data.Dataset:
    return pipeline.evaluation_batches(
        source, TARGETS["mask"], size=config.size, batch_size=config.batch_size, resizing="stretch"
    )


def _watchers(config: SaliencyConfig, folder: Path, selection: Source) -> list:
    shown = subset(selection, np.linspace(0, len(selection) - 1, min(PICTURES, len(selection))).astype(int))
    batches = pipeline.evaluation_batches(
        shown, TARGETS["mask"], size=config.size, batch_size=PICTURES, resizing="stretch", cache_mib=0
    )
    images, masks = next(iter(batches.as_numpy_iterator()))
    logs = folder / "tensorboard"
    return [ThresholdCurves(logs), PredictionPanels(images, masks, logs, names=shown.names)]


def _evaluate(model: keras.Model, config: SaliencyConfig, source: Source) -> SaliencyReport:
    return evaluate(
        predictor(model),
        source,
        size=config.size,
        batch_size=config.batch_size,
        beta2=config.beta2,
        label=config.loss,
        quiet=config.quiet,
    )


TASK = run.Task(
    name="saliency",
    needs="mask",
    main_metric="max_f",
    shown=("max_f", "mean_f", "mae"),
    network=("model", "backbone"),
    check=_check,
    check_data=lambda config, training, selection: None,
    build_model=_build_model,
    initialise=_initialise,
    compile_model=_compile_model,
    training_batches=_training_batches,
    steps_per_epoch=_steps_per_epoch,
    selection_batches=_selection_batches,
    watchers=_watchers,
    evaluate=_evaluate,
)


def train(config: SaliencyConfig) -> run.RunResult:
    """Train, or continue, a saliency model; see `run.train`."""
    return run.train(TASK, config)
