"""Detection: a picture in, boxes with classes and scores out; trained by ranking losses, judged by COCO AP and oLRP."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ... import losses
from ...losses.base import AnchorLoss
from ...losses.pixelwise.anchor_cross_entropy import AnchorCrossEntropy
from ..colours import class_palette, hexadecimal_palette
from ..data.classes import refuse_unknown_classes
from ..data.example import Example, Source
from ..data.subset import Subset
from ..data.targets import TARGETS
from ..data.targets.boxes import most_boxes, refuse_without_boxes
from ..errors import UsageError, first_line
from ..figures.thumbnails import framed, thumbnail
from ..geometry import InputSize, size_text
from ..judge.base import evenly_spread
from ..judge.box_report import DetectionReport
from ..judge.boxes import BoxJudge
from ..judge.tiles import tiling_of
from ..judge.views import Views
from ..metrics.resampling import DRAWS
from ..models.detector.base import Detector
from ..models.detector.loss import OVERLAPS
from ..models.detector.one_stage import OneStageDetector
from ..models.detector.suppression import USUAL, Suppression
from ..models.input_size import at_size
from ..models.registry import MODELS, serving
from ..models.transfer import transfer_all_but, transfer_by_class, transfer_features
from ..text import cut
from ..training.callbacks import SelfBalancing
from ..training.config import DetectionConfig
from ..training.devices.exchange import ALONE, Exchange
from ..training.reporting import RankingWatch, read_watched
from .anchor_scale import settled_anchors, thin_note
from .base import Task
from .predictor import CompiledModel, Predictor, traced_by_size

log = logging.getLogger("metricfit")

BALANCED_PICTURES = 16
EPOCH_DRAWS = 200  # of the pictures, for the intervals that TensorBoard shows: as wide, and a little unsteady
SELF_BALANCED = ("alrp",)
"""Losses whose boxes' part is weighted by self-balancing unless a weight is given."""
LOSS_NAMES = {"cross_entropy": "anchor_cross_entropy"}
"""What a loss is called here that has another name among those of all tasks."""


class Detection(Task[DetectionConfig, DetectionReport]):
    """Boxes around objects, by average precision and localisation-recall-precision."""

    name = "detection"
    target = TARGETS["boxes"]
    shown = ("ap", "ap50", "olrp")
    selecting = ("ap50", "ap75")
    network = ("model", "backbone", "channels", "head-layers", "scales-per-octave", "region-units")
    judging = ("correlation_bounds", "intervals", "scales", "flips", "tiles", "tile_overlap")
    tags = {  # noqa: RUF012
        "precision_recall": "curves/precision_over_recall",
        "thresholds": "curves/f1_over_threshold",
        "class_ap": "panels/class_ap",
        "confusion": "panels/confusion",
        "panels": "panels/detections",
    }
    judges_shown = True
    best_threshold = "f1_threshold"

    def check(self, config: DetectionConfig) -> None:
        """As `Task.check`."""
        super().check(config)
        self.box_loss(config)
        if config.assignment == "hub" and not MODELS[config.model].library.extra:
            raise UsageError(
                "--assignment hub is KerasHub's own: give --model hub:retinanet, or --assignment atss or iou"
            )
        if config.correlation_weight is not None and config.correlation == "none":
            raise UsageError("--correlation-weight has nothing to weigh: give --correlation concordance, say")
        if (config.calibration, config.calibration_target) == ("none", "iou"):
            raise UsageError("--calibration-target is of calibrated scores: leave it out, or --calibration none")

    def check_data(self, config: DetectionConfig, training: Source, selection: Source) -> None:
        """As `Task.check_data`."""
        for source in (training, selection):
            most = most_boxes(source)
            if config.max_boxes and most > config.max_boxes:
                raise UsageError(f"a picture of {source.name} has {most} boxes: --max-boxes must be at least that")
        refuse_without_boxes(selection)

    def suited(self, config: DetectionConfig, training: Source) -> DetectionConfig:
        """As `Task.suited`: the anchors."""
        config, told = settled_anchors(config, training)
        if told:
            log.info("%s", told)
        return config

    def build_model(self, config: DetectionConfig, source: Source) -> keras.Model:
        """As `Task.build_model`, with anchors for the boxes of the source where they are `auto` still."""
        config, architecture = self.suited(config, source), MODELS[config.model]
        two_stages = {"exclusive": self._samples(config)} if architecture.stages > 1 else {}
        return architecture.build(config, class_names=source.class_names, **two_stages)

    def build_loss(self, config: DetectionConfig) -> AnchorLoss:
        """Make the configured loss of the scores."""
        entries = losses.LOSSES.values()
        choices = [one.name for one in entries if one.task == "detection" and one.loss_class.trains_alone]
        if config.loss == "correlation":
            raise UsageError("--loss correlation trains no detector alone: choose another --loss and add --correlation")
        name, network = LOSS_NAMES.get(config.loss, config.loss), MODELS[config.model]
        if name not in choices:
            usual = {registered: typed for typed, registered in LOSS_NAMES.items()}
            listed = ", ".join(usual.get(one, one) for one in choices)
            raise UsageError(f"--loss {cut(config.loss)} is no detection loss: choose one of {listed}")
        hyperparameters = self.loss_hyperparameters(replace(config, loss=name))
        if "exclusive" in hyperparameters:
            raise UsageError("--loss-options exclusive goes by the network, which has a softmax or not: leave it out")
        if self._samples(config) and network.stages == 1:
            both = [name for name, one in serving(self.name).items() if one.stages > 1]
            raise UsageError(
                f"--loss {config.loss} is for --model {' and '.join(both)}, which draws a sample of what it looks at: "
                f"nearly all that a {network.title} looks at is background. Choose --loss focal or cross_entropy_ohem"
            )
        try:
            return losses.get(name, **hyperparameters)
        except (ValueError, TypeError) as error:
            raise UsageError(f"--loss {cut(config.loss)}: {error}") from error

    def _samples(self, config: DetectionConfig) -> bool:
        """Whether the loss looks at a sample, and has a softmax over classes and background in a second stage."""
        return LOSS_NAMES.get(config.loss, config.loss) == AnchorCrossEntropy.entry.name

    def correlation(self, config: DetectionConfig) -> AnchorLoss | None:
        """Make what is added to the loss of the scores, or None."""
        if config.correlation == "none":
            return None
        return losses.get("correlation", coefficient=config.correlation, scope=config.loss_scope)

    def box_loss(self, config: DetectionConfig) -> str:
        """Name what draws the boxes: the given one, or the loss' usual one."""
        loss = self.build_loss(config)
        if config.box_loss is None:
            return loss.usual_box_loss
        if loss.needs == "localization_error" and config.box_loss not in OVERLAPS:
            raise UsageError(
                f"--loss {config.loss} ranks boxes by their IoU: give --box-loss {' or '.join(OVERLAPS)}, not "
                f"{config.box_loss}"
            )
        return config.box_loss

    def initialise(self, model: keras.Model, trained: keras.Model, config: DetectionConfig | None = None) -> None:
        """As `Task.initialise`."""
        both = isinstance(model, Detector) and isinstance(trained, Detector) and type(trained) is not type(model)
        if both and not (isinstance(model, OneStageDetector) and isinstance(trained, OneStageDetector)):
            transfer_features(model, trained)
            return
        if both:
            transfer_all_but(model, trained, [*model.classification_head.last.weights, *model.box_head.last.weights])
            return
        if type(trained) is not type(model):
            raise ValueError("not the same network")
        if trained.class_names == model.class_names:
            model.set_weights(trained.get_weights())
            return
        transfer_by_class(model, trained, model.of_classes, model.class_names, trained.class_names)

    def compile_model(
        self, model: keras.Model, config: DetectionConfig, optimizer: keras.optimizers.Optimizer, training: Source
    ) -> None:
        """As `Task.compile_model`."""
        boxes = {"box_loss": self.box_loss(config), "box_weight": config.box_weight or 1.0}
        boxes["self_balancing"] = _self_balancing(config)
        added = {"correlation": self.correlation(config), "correlation_weight": config.correlation_weight or 0.2}
        if MODELS[config.model].stages > 1:
            added |= {"rpn_weight": config.rpn_weight, "sampling_seed": config.seed}
        loss, compiled = self.build_loss(config), config.jit_compile
        model.compile(optimizer=optimizer, loss=loss, jit_compile=compiled, **boxes, **added)
        if thin := thin_note(model, config, training):
            log.info("%s", thin)

    def twin(self, model: keras.Model, config: DetectionConfig, training: Source) -> keras.Model:
        """As `Task.twin`."""
        twin = self.build_model(replace(config, weights="none"), training)
        twin.compile("sgd", **model.compile_arguments)
        return twin

    def predictor(self, model: keras.Model, *, suppression: Suppression | None = None, **options: Any) -> CompiledModel:
        """Compile a detector to uint8 pictures [B, h, w, 3] -> what `detections` gives with these options.

        h and w may be any multiples of 32 at which its levels are as many as at its own size; UsageError at others.
        """
        suppression = suppression or USUAL
        given = {"calibration": model.calibration, **options}  # which is not saved with a model, so a copy has none

        def function_at(size: InputSize) -> Callable[[tf.Tensor], tuple[tf.Tensor, ...]]:
            own = model if size == model.size else _at_size(model, size)
            return lambda images: own.detections(own(images, training=False), suppression=suppression, **given)

        found = traced_by_size(function_at)
        return CompiledModel(
            lambda images: tuple(part.numpy() for part in found(images)),
            model.size, model.resizing, model.class_names, suppression,
        )  # fmt: skip

    def found_in(self, predictor: Predictor, source: Source, **options: Any) -> Iterator[tuple[Example, Any]]:
        """As `Task.found_in`: what several views show is brought together as the predictor thins out each."""
        return super().found_in(predictor, source, suppression=predictor.suppression, **options)

    def views(self, options: dict[str, Any]) -> Views:
        """Take `scales`, `flips`, `tiles` and `tile_overlap` as in `Views` and `Tiling`."""
        tiling = tiling_of(options.pop("tiles", None), options.pop("tile_overlap", None))
        return Views(options.pop("scales", (1.0,)), options.pop("flips", False), tiling)

    def classed_source(self, source: Source, class_names: Sequence[str]) -> Source:
        """Refuse classes that the model does not know."""
        refuse_unknown_classes(class_names, source)
        return source

    def judged_source(self, source: Source, class_names: Sequence[str]) -> Source:
        """Refuse classes that the model does not know, and data without a box that counts."""
        source = self.classed_source(source, class_names)
        refuse_without_boxes(source)
        return source

    def judge(
        self, source: Source, class_names: Sequence[str] = (), *, batch_size: int = 16, **options: Any
    ) -> BoxJudge:
        """Make a `BoxJudge` with its options."""
        return BoxJudge(source.class_names, model_classes=class_names, **options)

    def judging_of(self, config: DetectionConfig) -> dict[str, Any]:
        """As `Task.judging_of`: intervals of AP after each epoch, of fewer draws."""
        return {"intervals": EPOCH_DRAWS}

    def final_judging(self, config: DetectionConfig) -> dict[str, Any]:
        """Calibrate the scores of the model that is kept."""
        told = (config.calibration, config.calibration_target)
        calibrate = {} if config.calibration == "none" else {"calibrate": told}
        return {"intervals": DRAWS, **calibrate}

    def measuring(self, config: DetectionConfig) -> dict[str, Any]:
        """As `Task.measuring`."""
        return {"intervals": DRAWS}

    def batching(self, config: DetectionConfig) -> dict[str, Any]:
        """As `Task.batching`, with the given room for boxes."""
        return {**super().batching(config), "room": config.max_boxes}

    def watchers(
        self, config: DetectionConfig, folder: Path, selection: Source, exchange: Exchange = ALONE
    ) -> list[keras.callbacks.Callback]:
        """Give the report, the watch on the ranking, and self-balancing where the loss has it."""
        some = Subset(selection, evenly_spread(len(selection), BALANCED_PICTURES))
        ranking = RankingWatch(self.selection_batches(config, some), folder / "tensorboard")
        balancing = [SelfBalancing()] if _self_balancing(config) else []
        alone = [ranking] if exchange.is_chief else []  # it writes, and that is all
        return [*balancing, *super().watchers(config, folder, selection, exchange), *alone]

    def score_curve(self, measurement: dict[str, Any]) -> tuple[list[float], list[float]]:
        """Give the thresholds {0..255}/255 and quantiles of the scores, most among the surest boxes, and F1 at each."""
        return measurement["curves"]["thresholds"], measurement["curves"]["f1_curve"]

    def measurement(self, report: DetectionReport) -> dict[str, Any]:
        """As `Task.measurement`."""
        colours = class_palette(report.class_names).tolist()
        pictures = []
        for image, truth, found, name in report.pictures:
            shown = found.scores >= report.class_thresholds[found.classes]
            boxes = framed(image, truth.boxes, truth.classes, colours)
            answer = framed(image, found.boxes[shown], found.classes[shown], colours)
            drawn = {"image": thumbnail(image), "truth": thumbnail(boxes), "found": thumbnail(answer)}
            pictures.append({"name": name, **drawn})
        curves = {name: report.lrp.curves[name] for name in ("thresholds", "f1_curve", "lrp_curve")}
        figures = {"scalars": report.scalars, "classes": report.class_scalars, "curves": curves}
        figures |= report.confusion.to_dict() if report.confusion else {}
        palette = hexadecimal_palette(report.class_names)
        return {**figures, "images": report.coco.images, "palette": palette, "pictures": pictures}

    def watched(self, folder: Path) -> dict[str, list[float]]:
        """As `Task.watched`: what `RankingWatch` wrote."""
        return read_watched(folder / "tensorboard")


def _at_size(model: keras.Model, size: InputSize) -> keras.Model:
    try:
        return at_size(model, size, model.size)
    except ValueError as error:
        raise UsageError(
            f"--scales asks for an input of {size_text(size)} pixels, at which {model.name} of {size_text(model.size)} "
            f"has other levels ({first_line(error)}): give scales nearer to 1"
        ) from error


def _self_balancing(config: DetectionConfig) -> bool:
    return config.loss in SELF_BALANCED and config.box_weight is None
