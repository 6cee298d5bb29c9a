"""Segmentation: a picture in, a class for each pixel out; trained by Lovász-Softmax and others, judged by mIoU."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ... import losses
from ..colours import class_palette, hexadecimal_palette
from ..data.batches.class_weights import class_weights
from ..data.batches.equibatch import Equibatch
from ..data.batches.order import Sampler
from ..data.classes import with_class_names
from ..data.example import IGNORE, Source
from ..data.labels import LabelCoding, class_counts
from ..data.pixel_files.coding import FileCoding
from ..data.targets import TARGETS
from ..errors import DataError, UsageError
from ..figures.thumbnails import flat, thumbnail
from ..geometry import InputSize
from ..judge.base import known
from ..judge.classes import ClassJudge, SegmentationReport
from ..judge.views import Views
from ..models.deeplab import CLASS_LAYER
from ..models.input_size import at_size, size_of
from ..models.layers.logits import ClassLogits, logits_layer
from ..models.transfer import transfer_by_class
from ..text import cut
from ..training.callbacks import FadeByEpoch
from ..training.config import SegmentationConfig
from ..training.devices.exchange import ALONE, Exchange
from .base import Task
from .focus import focused
from .predictor import CompiledModel, traced_by_size
from .sources import LeftOut

log = logging.getLogger("metricfit")

IGNORED = (158, 158, 158)


class Segmentation(Task[SegmentationConfig, SegmentationReport]):
    """The class of each pixel, by the mean intersection over union."""

    name = "segmentation"
    target = TARGETS["labels"]
    shown = ("dataset_miou_present", "image_miou", "pixel_accuracy")
    selecting = (
        "image_miou_present", "class_image_miou", "worst_image_miou", "worst_class_image_miou", "boundary_miou",
        "pixel_accuracy",
    )  # fmt: skip
    network = ("model", "backbone", "aspp-channels", "aspp-dilations", "head-channels")
    judging = ("scales", "flips", "decision")
    starts_from = ("saliency",)
    tags = {name: f"panels/{name}" for name in ("class_iou", "confusion", "panels")}  # noqa: RUF012

    def check(self, config: SegmentationConfig) -> None:
        """As `Task.check`."""
        self.build_loss(config)
        if config.fade_epochs and config.fade_from is None:
            raise UsageError("--fade-epochs needs --fade-from, a loss to begin with")
        epochs = _fade_epochs(config)
        if len(epochs) != 2 or not 0 <= epochs[0] <= epochs[1] <= config.epochs:
            raise UsageError(f"--fade-epochs must be two numbers, 0 to --epochs {config.epochs} in order, got {epochs}")
        super().check(config)
        if config.equibatch and config.repeat_rare:
            raise UsageError("--equibatch and --repeat-rare both decide which picture comes when: give one of them")
        LabelCoding(config.classes, config.ignore)
        if not config.aspp_dilations:
            raise UsageError("--aspp-dilations must be at least one, got none")

    def check_data(self, config: SegmentationConfig, training: Source, selection: Source) -> None:
        """As `Task.check_data`."""
        if len(training.class_names) < 2:
            raise UsageError(f"{training.name} has the class {training.class_names[0]} alone: segmentation needs two")
        if _counts(config):
            class_counts(training, quiet=config.quiet)  # before another picture stands in for one without a count
        for source, least in ((training, 2), (selection, 1)):
            seen = _classes_seen(source, least)
            if not seen:
                raise DataError(
                    f"no pixel of {source.name} counts, all are ignored: choose other data or another --ignore"
                )
            if len(seen) < least:
                raise DataError(
                    f"all pixels of {source.name} that count are {training.class_names[min(seen)]}, and nothing can be "
                    "learnt: look at the label files (metricfit data show), and at what --ignore leaves"
                )

    def source_options(self, config: SegmentationConfig) -> dict[str, Any]:
        """As `Task.source_options`."""
        files = FileCoding(resize=config.resize_masks, colours=config.colours, max_megapixels=config.max_megapixels)
        return {"coding": LabelCoding(config.classes, config.ignore), "files": files}

    def open_source(self, text: str, config: SegmentationConfig, left_out: LeftOut = None, **more: Any) -> Source:
        """As `Task.open_source`."""
        return super().open_source(text, config, left_out, replacing=text != config.data or not _counts(config), **more)

    def initialise(self, model: keras.Model, trained: keras.Model, config: SegmentationConfig | None = None) -> None:
        """As `Task.initialise`; a saliency model that shares backbone and widths lends all but its map, too."""
        new, old = _class_layer(model), logits_layer(trained)
        # A saliency model has one map, which is no class of ours.
        names = old.class_names if old else ("",)
        last = [weight for weight in model.weights if CLASS_LAYER in weight.path]
        transfer_by_class(model, trained, last, new.class_names, names)

    def build_loss(self, config: SegmentationConfig, weights: list[float] | None = None) -> keras.losses.Loss:
        """Make the configured loss on logits, weighted by class; a fading is a `Combined` that begins with one.

        A focus is that of each loss of a fading by itself.
        """
        written = {"--fade-from": config.fade_from} if config.fade_from is not None else {}
        written["--loss"] = config.loss
        taken = {flag: _hyperparameters(flag, text) for flag, text in written.items()}
        options = self.loss_hyperparameters(config)
        known = set().union(*taken.values())
        if config.class_weights != "none":
            if "class_weights" not in known:
                raise UsageError(f"--loss {cut(config.loss)} takes no weights of classes: leave --class-weights away")
            if "class_weights" in options:
                raise UsageError(
                    "--class-weights computes what --loss-options class_weights gives: leave one of them away"
                )
            options["class_weights"] = weights
        parts = []
        for flag, text in written.items():
            # What none of them knows is left for them to refuse.
            own = {name: value for name, value in options.items() if name in taken[flag] or name not in known}
            # Hinges are of scores anyway.
            fixed = {"from_logits": True} if "from_logits" in taken[flag] else {}
            if config.teacher and "exclusive" in taken[flag]:
                fixed["exclusive"] = True  # shares of classes, which are a softmax's all the same
            try:
                made = losses.get(text, ignore_label=IGNORE, **{**fixed, **own})
                if config.teacher:  # not all take shares of classes
                    shares = np.full((1, 2, 2, 2), 0.5, np.float32)
                    losses.get(text, **fixed)(shares, shares)
            except (ValueError, TypeError) as error:
                raise UsageError(f"{flag} {cut(text)}: {error}") from error
            parts.append(focused(made, config, config.focus))
        return parts[0] if len(parts) == 1 else losses.Combined(parts, [1.0, 0.0])

    def compile_model(
        self, model: keras.Model, config: SegmentationConfig, optimizer: keras.optimizers.Optimizer, training: Source
    ) -> None:
        """As `Task.compile_model`."""
        weights = None
        if config.class_weights != "none":
            weights = class_weights(class_counts(training, quiet=config.quiet), config.class_weights)
            listed = ", ".join(f"{name} {weight:.3g}" for name, weight in zip(training.class_names, weights))
            log.info("class weights: %s", listed)
        model.compile(optimizer=optimizer, loss=self.build_loss(config, weights), jit_compile=config.jit_compile)

    def predictor(self, model: keras.Model) -> CompiledModel:
        """Compile a model to uint8 [B, h, w, 3] -> probabilities float32 [B, h, w, C], h and w any multiples of 32."""

        def function_at(size: InputSize) -> Callable[[tf.Tensor], tf.Tensor]:
            own = model if size == size_of(model) else at_size(model, size)
            return lambda images: tf.nn.softmax(own(images, training=False))

        layer, found = _class_layer(model), traced_by_size(function_at)
        return CompiledModel(lambda images: found(images).numpy(), size_of(model), layer.resizing, layer.class_names)

    def classed_source(self, source: Source, class_names: Sequence[str]) -> Source:
        """Number the classes of the source as the model does."""
        return with_class_names(source, class_names)

    def judge(
        self, source: Source, class_names: Sequence[str] = (), *, batch_size: int = 16, **options: Any
    ) -> ClassJudge:
        """Make a `ClassJudge` with its options."""
        # A batch of nothing is refused where pictures are read, as for every task.
        return ClassJudge(class_names, batch_size=max(1, batch_size), **options)

    def views(self, options: dict[str, Any]) -> Views:
        """Take `scales` and `flips` as in `Views`."""
        return Views(options.pop("scales", (1.0,)), options.pop("flips", False))

    def finding(self, options: dict[str, Any]) -> dict[str, Any]:
        """As `Task.finding`; the judge is told the `decision`, too."""
        return {**super().finding(options), "decision": options.get("decision", "argmax")}

    def sampler(self, config: SegmentationConfig, source: Source) -> Sampler | None:
        """Cycle over the classes where asked for."""
        if config.equibatch:
            return Equibatch(class_counts(source, quiet=config.quiet), config.seed)
        return super().sampler(config, source)

    def watchers(
        self, config: SegmentationConfig, folder: Path, selection: Source, exchange: Exchange = ALONE
    ) -> list[keras.callbacks.Callback]:
        """Give the report, behind the fading where there is one."""
        fading = [FadeByEpoch(*_fade_epochs(config))] if config.fade_from is not None else []
        return [*fading, *super().watchers(config, folder, selection, exchange)]

    def measurement(self, report: SegmentationReport) -> dict[str, Any]:
        """As `Task.measurement`."""
        names = report.class_names
        table = np.full((256, 3), IGNORED, np.uint8)
        table[: len(names)] = class_palette(names)
        table[IGNORE] = IGNORED
        pictures = [
            {"name": name, "image": thumbnail(image), "truth": flat(table[labels]), "found": flat(table[predicted])}
            for image, labels, predicted, name in report.pictures
        ]
        figures = {"scalars": report.scalars, "classes": report.class_scalars, "images": report.jaccard.images}
        return {**figures, "palette": hexadecimal_palette(names), "pictures": pictures}


def _classes_seen(source: Source, enough: int) -> set[int]:
    """Give the classes of a source's pixels, or so many of them: the first examples mostly end the search."""
    seen: set[int] = set()
    for index in range(len(source)):
        seen |= set(np.unique(known(source.load(index), "labels")).tolist()) - {IGNORE}
        if len(seen) >= enough:
            break
    return seen


def _counts(config: SegmentationConfig) -> bool:
    """Tell whether the pixels of each class are counted, picture by picture."""
    return config.equibatch or config.class_weights != "none"


def _class_layer(model: keras.Model) -> ClassLogits:
    layer = logits_layer(model)
    if layer is None:
        raise UsageError(f"{model.name} is no segmentation model: give one trained with 'metricfit train segmentation'")
    return layer


def _hyperparameters(flag: str, text: str) -> set[str]:
    """Give what the losses of a sum, written "a + 0.5 * b", can be told."""
    try:
        names = losses.read_sum(text)
    except ValueError as error:
        raise UsageError(f"{flag} {cut(text)}: {error}") from error
    known = {name: entry for name, entry in losses.LOSSES.items() if entry.task == "segmentation"}
    for name in names:
        if name not in known:
            choices = ", ".join(known)
            raise UsageError(f"{flag} {text}: {name or 'nothing'} is no segmentation loss: choose among {choices}")
    return {key for name in names for key in known[name].hyperparameters}


def _fade_epochs(config: SegmentationConfig) -> tuple[float, float]:
    return config.fade_epochs or (config.epochs / 4, config.epochs * 3 / 4)
