"""Saliency: a picture in, one map out, trained and judged by the F-measure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ... import losses
from ..data.example import IGNORE, Example, Source
from ..data.pixel_files.coding import FileCoding
from ..data.subset import Subset
from ..data.targets import TARGETS
from ..errors import UsageError
from ..figures.thumbnails import flat, thumbnail
from ..geometry import size_text
from ..judge.base import PICTURES, evenly_spread, known
from ..judge.feeding import judge_all
from ..judge.maps import MapJudge, SaliencyReport, to_logits
from ..metrics import ImageIoU, LogitFMeasure, best_logit_scale
from ..metrics.keras.f_measure import FirstMapFMeasure, FMeasure
from ..metrics.logit_curve import LEVELS, ZERO
from ..models.input_size import is_for_one_size, size_of
from ..models.layers.logits import has_side_outputs
from ..models.registry import MODELS
from ..models.scaled_logits import scale_and_shift_logits
from ..text import cut
from ..training.config import SaliencyConfig
from ..training.devices.exchange import ALONE, Exchange
from ..training.reporting import MetricReport
from .base import Task
from .focus import focused
from .predictor import AnyModel, CompiledModel, traced_once

HALF = 128
"""The number of the threshold 128/255, the first of the field's that is at least one half."""


class Saliency(Task[SaliencyConfig, SaliencyReport]):
    """Maps of how salient each pixel is, by the F-measure over the threshold."""

    name = "saliency"
    target = TARGETS["mask"]
    shown = ("max_f", "mean_f", "mae")
    selecting = ("mean_f",)
    network = ("model", "backbone")
    judging = ("protocol", "beta2", "logit_scale")
    tags = {"thresholds": "curves/f_measure_over_threshold", "panels": "panels/predictions"}  # noqa: RUF012
    measured_by_keras = True
    baseline = "cross_entropy"
    best_threshold = "optimal_threshold"

    def check(self, config: SaliencyConfig) -> None:
        """As `Task.check`."""
        focused(self.build_loss(config), config, config.focus)
        self.source_options(config)
        if _changes_logits(config):
            flags = "--init-threshold and --init-logit-scale"
            if not config.init:
                raise UsageError(f"{flags} change a first model's logits: give --init as well")
            if MODELS[config.model].sums_maps:
                raise UsageError(f"{flags} are not for --model {config.model}, which sums several maps")
        super().check(config)

    def source_options(self, config: SaliencyConfig) -> dict[str, Any]:
        """As `Task.source_options`."""
        return {"files": FileCoding(config.mask_threshold, config.resize_masks, max_megapixels=config.max_megapixels)}

    def build_loss(self, config: SaliencyConfig) -> keras.losses.Loss:
        """Make the configured loss, which must be one of a single map, on logits and with the ignore label of masks."""
        options = self.loss_hyperparameters(config)
        choices = [name for name, entry in losses.LOSSES.items() if entry.task != "detection"]
        try:
            for name in losses.read_sum(config.loss):
                if name not in choices:
                    raise ValueError(f"{cut(name) or 'nothing'} is no loss of maps: choose among {', '.join(choices)}")
            loss = losses.get(config.loss, from_logits=True, ignore_label=IGNORE, **options)
            # Losses of several classes say only here that one map is not enough, and some that they take no shares.
            labels = np.full((1, 2, 2), 0.5, np.float32) if config.teacher else np.zeros((1, 2, 2), np.int32)
            loss(labels, np.zeros((1, 2, 2), np.float32))
        except (ValueError, TypeError) as error:
            raise UsageError(f"--loss {cut(config.loss)}: {error}") from error
        return loss

    def initialise(self, model: keras.Model, trained: keras.Model, config: SaliencyConfig | None = None) -> None:
        """As `Task.initialise`; the configuration may scale and shift the logits."""
        # Sizes of one area have weights of one shape.
        if is_for_one_size(model) and size_of(trained) != size_of(model):
            raise ValueError(f"made for pictures of {size_text(size_of(trained))} alone")
        model.set_weights(trained.get_weights())
        if config and _changes_logits(config):
            scale_and_shift_logits(model, scale=config.init_logit_scale, threshold=config.init_threshold)

    def compile_model(
        self, model: keras.Model, config: SaliencyConfig, optimizer: keras.optimizers.Optimizer, training: Source
    ) -> None:
        """As `Task.compile_model`."""
        loss, metric = self.build_loss(config), FMeasure
        if has_side_outputs(model):
            loss, metric = losses.DeepSupervision(loss), FirstMapFMeasure
        loss = focused(loss, config, config.focus)
        f_measure = metric(beta2=config.beta2, from_logits=True, ignore_label=IGNORE, name="f_measure")
        model.compile(optimizer=optimizer, loss=loss, metrics=[f_measure], jit_compile=config.jit_compile)

    def predictor(self, model: keras.Model) -> CompiledModel:
        """Compile a model to uint8 pictures [B, h, w, 3] -> saliency float32 [B, h, w] in [0, 1]."""
        size = size_of(model)
        probabilities = traced_once(lambda images: tf.sigmoid(model(images, training=False)), size)
        return CompiledModel(lambda images: probabilities(tf.convert_to_tensor(images)).numpy(), size, "stretch")

    def judge(
        self, source: Source, class_names: Sequence[str] = (), *, batch_size: int = 16, **options: Any
    ) -> MapJudge:
        """Make a `MapJudge` with its options."""
        _check_beta2(options.get("beta2", 0.3))
        return MapJudge(**options)

    def judging_of(self, config: SaliencyConfig) -> dict[str, Any]:
        """As `Task.judging_of`."""
        return {"beta2": config.beta2}

    def batching(self, config: SaliencyConfig) -> dict[str, Any]:
        """As `Task.batching`: maps are drawn on the whole input."""
        return {"size": config.size, "batch_size": config.batch_size, "resizing": "stretch"}

    def epoch_report(
        self, config: SaliencyConfig, selection: Source, exchange: Exchange = ALONE
    ) -> Callable[[keras.Model], SaliencyReport]:
        """Report what Keras' own validation measured: the selection data are not predicted twice."""
        shown = Subset(selection, evenly_spread(len(selection)))
        batches = self.selection_batches(replace(config, batch_size=PICTURES), shown)
        ((images, masks),) = batches.as_numpy_iterator()
        return MetricReport(images, masks, shown.names)

    def measure(
        self, model: AnyModel, config: SaliencyConfig, source: Source, scales: Sequence[float] = (1.0,)
    ) -> list[dict[str, Any]]:
        """As `Task.measure`, in one pass at the field's 256 thresholds, and for `logit_f` at `scale` times `LEVELS`."""
        shared: dict[str, Any] = {
            "beta2": config.beta2, "averages": ("curves",), "shown": evenly_spread(len(source)), "calibration": False,
        }  # fmt: skip
        judges = [MapJudge(**shared, logit_scale=scale, further={"image_iou": ImageIoU()}) for scale in scales]
        plain = MapJudge(averages=(), calibration=False, further={"logit_f": LogitFMeasure(config.beta2)})
        judge_all(self._maps(model, config, source), plain, *judges)
        logit_f = plain.result().further["logit_f"].tolist()
        kept = [(scale, self.measurement(judge.result())) for scale, judge in zip(scales, judges)]
        return [{**one, "curves": {**one["curves"], "logit_f": logit_f}, "scale": scale} for scale, one in kept]

    def measurement(self, report: SaliencyReport) -> dict[str, Any]:
        """As `Task.measurement`."""
        scalars, result = report.scalars, report.results["curves"]
        images = scalars.pop("images")
        curves = {name: getattr(result, name).tolist() for name in ("precision", "recall", "f")}
        further = {name: values.tolist() for name, values in report.further.items()}
        pictures = [_thumbnails(*picture) for picture in report.pictures]
        return {"scalars": scalars, "curves": {**curves, **further}, "images": images, "pictures": pictures}

    def score_curve(self, measurement: dict[str, Any]) -> tuple[np.ndarray, list[float]]:
        """Give the thresholds of the logits, and F at each."""
        return measurement["scale"] * LEVELS, measurement["curves"]["logit_f"]

    def best_scale(
        self, model: AnyModel, config: SaliencyConfig, selection: Source
    ) -> tuple[float, dict[float, float]]:
        """Give the factor on the logits with the largest MeanF on the selection split, and the MeanF of each."""

        def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for example, found in self._maps(model, config, selection):
                yield to_logits(found), known(example, "mask")

        return best_logit_scale(pairs, beta2=config.beta2)

    def derived(self, measurement: dict[str, Any], selection: dict[str, Any]) -> dict[str, float]:
        """Give F at one half, which no data have to pick, and the image IoU there and where the selection has MaxF."""
        logit_f, iou = measurement["curves"]["logit_f"], measurement["curves"]["image_iou"]
        return {
            "f_half": logit_f[ZERO],
            "f_half_loss": max(logit_f) - logit_f[ZERO],
            "image_iou_half": iou[HALF],
            "image_iou_picked": iou[round(255 * selection["scalars"]["optimal_threshold"])],
        }

    def _maps(self, model: AnyModel, config: SaliencyConfig, source: Source) -> Iterator[tuple[Example, np.ndarray]]:
        return self.found_in(self.as_predictor(model), source, batch_size=config.batch_size, quiet=config.quiet)


def _changes_logits(config: SaliencyConfig) -> bool:
    return (config.init_threshold, config.init_logit_scale) != (0.5, 1.0)


def _check_beta2(beta2: float) -> None:
    if not beta2 > 0:
        raise UsageError(f"--beta2 must be above 0, got {beta2}")


def _thumbnails(image: np.ndarray, mask: np.ndarray, found: np.ndarray, name: str) -> dict[str, str]:
    truth = np.where(mask == IGNORE, 128, np.where(mask == 1, 255, 0)).astype(np.uint8)
    shown = np.rint(255 * found).astype(np.uint8)
    return {"name": name, "image": thumbnail(image), "truth": flat(truth), "found": thumbnail(shown)}
