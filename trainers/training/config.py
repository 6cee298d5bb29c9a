"""What a training is told, as frozen data: the fields become the command line's flags. Imports no TensorFlow."""

import ast
import dataclasses
import difflib
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import tyro

from ..data.augmentation.settings import Augmentation, BoxAugmentation, ColourSettings, LabelAugmentation
from ..errors import DataError, UsageError
from ..models.registry import explained, serving
from ..text import read_json

if TYPE_CHECKING:
    SaliencyModel = str
    SegmentationModel = str
else:
    # What the registry of networks has for a task.
    SaliencyModel, SegmentationModel = (
        Annotated[Literal[tuple(serving(task))], tyro.conf.arg(help=explained(task))]
        for task in ("saliency", "segmentation")
    )

# How masks and labels are written; the verbs that read data have these, too.
MaskThreshold = Annotated[
    float | None,
    tyro.conf.arg(
        help="Masks with shades, such as grey, JPEG or 16-bit ones: the share of their range from which a pixel is "
        "salient, such as 0.5. Without it such masks are faults."
    ),
]
ResizeMasks = Annotated[
    bool, tyro.conf.arg(help="Bring masks and labels of another size to that of their picture; without it, faults.")
]
Colours = Annotated[
    str | None,
    tyro.conf.arg(
        help="Labels in colour: a file that maps colours to classes, with R G B NAME in each line, as CSV or JSON, or "
        "CVAT's labelmap.txt."
    ),
]

# What settings were before there were any: of a config.json that does not name them.
_BEFORE = {"min_epoch_steps": 1, "weights": "none"}

# Fields that say where and how loudly, not what: they may differ when a run is continued.
NOT_PART_OF_A_RUN = ("out", "config", "overwrite", "quiet", "cache_mib", "minutes")

# `overwrite` above all must not come back with `--config`: it would delete the run that the file lies in.
_NOT_KEPT = ("config", "overwrite", "quiet")

OptionsT = TypeVar("OptionsT")


@dataclass(frozen=True)
class RunConfig:
    """What every task's training can be told."""

    data: str = "scenes:train"
    """Training data: a folder, whose layout is recognised, or scenes[:SPLIT], folder:PATH[:SPLIT], voc:PATH[:SPLIT],
    yolo:PATH[:SPLIT], coco:IMAGES,JSON, labelme:PATH[:SPLIT], cvat:PATH[:SPLIT], tfds:NAME[:SPLIT] or
    auto:PATH[:SPLIT], or several of these as "A + B"."""
    val: str | None = None
    """Data that pick the best epoch; without it every tenth training example is held out for that."""
    out: str = "runs/latest"
    """The run folder. An interrupted run in it is continued when the settings are the same."""
    config: str | None = None
    """A config.json, of an earlier run say, whose settings are the defaults here."""
    loss: str = ""
    """What is minimised; `metricfit losses` lists them."""
    loss_options: tuple[str, ...] = ()
    """Hyperparameters of the loss as NAME=VALUE, such as beta2=0.8."""
    backbone: str = "efficientnet_lite0"
    """efficientnet_lite0, efficientnet_lite1, efficientnet_lite2, mobilenet_v3_small, mobilenet_v3_large, resnet50."""
    weights: str = "auto"
    """First weights of the backbone: none, imagenet, preset:NAME (online) or a path ending in .weights.h5; auto takes
    imagenet where the package that holds them is installed, and none with --init."""
    init: str | None = None
    """Start from a trained model instead, of the same backbone: a run folder, a .keras file, an exported folder, or the
    name of a model that ships with the program, such as saliency_lite0."""
    size: int = 192
    """Side of the square network input in pixels, a multiple of 32."""
    batch_size: int = 8
    """Pictures a step; ranking losses rank all of them together."""
    epochs: int = 20
    """How often the model is measured: after each pass over the training data, or --min-epoch-steps where that is more.
    The learning rate falls to zero over all epochs."""
    min_epoch_steps: int = 25
    """Least steps of an epoch: a small set is passed over several times in it. 1 makes each epoch one pass."""
    minutes: float | None = None
    """Stop after this many minutes, at an epoch's end. The learning rate falls over --epochs: plan them to fit."""
    patience: int | None = None
    """Stop when so many epochs in a row were no better than the best one, even if the learning rate has not fallen."""
    learning_rate: float = 1e-3
    """Peak learning rate."""
    warmup_share: float = 0.05
    """Share of all steps in which the learning rate rises."""
    weight_decay: float = 1e-4
    """Decoupled weight decay of the kernels; biases and normalisations have none."""
    clip_norm: float | None = 1.0
    """Largest norm of all gradients together; None does not clip."""
    ema: float = 0.0
    """Momentum of an exponential moving average of the weights, such as 0.99; 0 keeps none."""
    mixed_precision: Literal["none", "float16", "bfloat16"] = "none"
    """Compute in half precision; float16 adds loss scaling."""
    jit_compile: bool = False
    """Compile the training step with XLA."""
    augmentation: ColourSettings = field(default_factory=ColourSettings)
    """How training pictures are varied."""
    seed: int = 0
    """Seed of weights, order and augmentation."""
    cache_mib: int = 1024
    """Memory for decoded examples, in MiB."""
    skip_bad: bool = False
    """Leave out examples that cannot be used instead of stopping."""
    strict: bool = False
    """Stop at faults that could be repaired, too."""
    overwrite: bool = False
    """Start anew where a run exists."""
    quiet: bool = False
    """No progress bars, warnings and errors only."""


@dataclass(frozen=True)
class SaliencyConfig(RunConfig):
    """Train a saliency model: a picture in, a map of how salient each pixel is out.

    Example: metricfit train saliency --data folder:photos --weights imagenet --loss floss --out runs/photos
    """

    loss: str = "floss"
    model: SaliencyModel = "deeplab"
    mask_threshold: MaskThreshold = None
    resize_masks: ResizeMasks = False
    beta2: float = 0.3
    """Weight of precision against recall in the F-measure that is reported (the field's 0.3)."""
    init_threshold: float = 0.5
    """With --init: the probability of that model which becomes one half, such as its best threshold."""
    init_logit_scale: float = 1.0
    """With --init: the factor on that model's logits. floss starts well at 8 from a model of lovasz_hinge, whose maps
    are pale."""
    augmentation: Augmentation = field(default_factory=Augmentation)


@dataclass(frozen=True)
class SegmentationConfig(RunConfig):
    """Train a segmentation model: a picture in, a class for each pixel out.

    Example: metricfit train segmentation --data folder:streets:train --classes names.txt --ignore 11 --weights imagenet
    --equibatch --out runs/streets
    """

    loss: str = "softmax_cross_entropy"
    fade_from: str | None = None
    """Another loss to begin with, which fades into --loss."""
    fade_epochs: tuple[float, float] | None = None
    """After how many epochs the fading begins and ends; by default after a quarter and three quarters of all."""
    classes: str | None = None
    """A file with the names of the classes, one a line in the order of the values of the label files. By default what
    the data say: classes.txt in a folder."""
    ignore: tuple[int, ...] = ()
    """Values of the label files that neither train nor count, besides 255 (named, it is surely no class)."""
    colours: Colours = None
    resize_masks: ResizeMasks = False
    equibatch: bool = False
    """Cycle over the classes: of as many patches in a row as there are classes, each has a pixel in at least one."""
    class_weights: Literal["none", "balanced", "log"] = "none"
    """Weights of the classes in the loss, from the training data: balanced (median frequency over frequency) or log
    (1 / ln(1.02 + share of the pixels))."""
    model: SegmentationModel = "deeplab"
    size: int = 320
    resizing: Literal["pad", "stretch"] = "pad"
    """pad keeps the picture's aspect and fills the square up; stretch uses all of it."""
    aspp_dilations: tuple[int, ...] = (1, 2, 3)
    """Dilations of the atrous spatial pyramid pooling, in pixels of the stride-32 map."""
    aspp_channels: int | None = None
    """Width of the pyramid pooling; by default what suits the backbone."""
    head_channels: int | None = None
    """Width of the decoder; by default what suits the backbone."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """adamw, or sgd with --momentum; the weight decay of both is decoupled."""
    momentum: float = 0.9
    """Momentum of sgd."""
    schedule: Literal["cosine", "polynomial"] = "cosine"
    """How the learning rate falls; polynomial is (1 - step / steps)^power, without a rise at --warmup-share 0."""
    power: float = 0.9
    """Power of the polynomial schedule."""
    augmentation: LabelAugmentation = field(default_factory=LabelAugmentation)


@dataclass(frozen=True)
class DetectionConfig(RunConfig):
    """Train an object detector, a RetinaNet: a picture in, boxes with classes and scores out.

    Example: metricfit train detection --data voc:photos:train --weights imagenet --loss alrp --out runs/detector
    """

    loss: str = "alrp"
    box_loss: Literal["giou", "iou", "smooth_l1"] | None = None
    """What draws the boxes to the objects. By default giou for alrp (which takes giou or iou), smooth_l1 for others."""
    box_weight: float | None = None
    """Weight of the boxes' part of the loss. Without it aLRP balances itself from epoch to epoch, others take 1."""
    size: int = 384
    resizing: Literal["pad", "stretch"] = "pad"
    """pad keeps the picture's aspect and fills the square up; stretch uses all of it."""
    assignment: Literal["iou", "atss"] = "atss"
    """Which anchors are positive: by fixed IoU thresholds, or adaptively (ATSS)."""
    scales_per_octave: int = 1
    """Anchor sizes between one pyramid level and the next, 1 to 3."""
    anchor_scale: float = 4.0
    """Side of a level's smallest anchor, in strides of the level."""
    channels: int = 96
    """Width of the feature pyramid and the heads."""
    head_layers: int = 3
    """Convolutions before the last one of each head."""
    max_boxes: int | None = None
    """Most boxes of one picture; by default what the training data have."""
    augmentation: BoxAugmentation = field(default_factory=BoxAugmentation)


CONFIGS: dict[str, type[RunConfig]] = {
    "saliency": SaliencyConfig,
    "segmentation": SegmentationConfig,
    "detection": DetectionConfig,
}
"""Task -> what its training can be told."""


def check_range(config: RunConfig, names: Iterable[str], sound: Callable[[Any], bool], what: str) -> None:
    """Refuse settings that are given but not `what` they must be."""
    for name in names:
        value = getattr(config, name)
        if value is not None and not sound(value):
            raise UsageError(f"--{name.replace('_', '-')} must be {what}, got {value}")


def parse_loss_options(options: Iterable[str]) -> dict[str, Any]:
    """Turn NAME=VALUE pairs into hyperparameters; a value that is no Python literal stays text."""
    parsed = {}
    for option in options:
        name, equals, value = option.partition("=")
        if not equals or not name:
            raise UsageError(f"--loss-options takes NAME=VALUE, such as beta2=0.8, got {option!r}")
        try:
            parsed[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            parsed[name] = value
    return parsed


def to_dict(config: RunConfig) -> dict[str, Any]:
    """The configuration as JSON-able data, without what only says how this one start went."""
    return {name: value for name, value in dataclasses.asdict(config).items() if name not in _NOT_KEPT}


def train_command(task: str, config: RunConfig) -> list[str]:
    """Give the words of a training's command line, with a flag for everything that is not as by default."""
    return ["metricfit", "train", task, *_flags(config, type(config)())]


def _flags(config: Any, default: Any, prefix: str = "") -> list[str]:
    words = []
    for setting in dataclasses.fields(config):
        value, usual = getattr(config, setting.name), getattr(default, setting.name)
        name = setting.name.replace("_", "-")
        if value == usual or setting.name in _NOT_KEPT:
            continue
        if dataclasses.is_dataclass(value):
            words += _flags(value, usual, f"{prefix}{name}.")
        elif isinstance(value, bool):
            words.append(f"--{prefix}{name}" if value else f"--{prefix}no-{name}")
        else:
            words += flag_words(f"{prefix}{name}", value)
    return words


def flag_words(flag: str, value: Any) -> list[str]:
    """Give the words by which a command line says a value, or several."""
    return [f"--{flag}", *map(str, value if isinstance(value, tuple) else (value,))]


def read_config(path: str | Path, config_class: type[OptionsT]) -> OptionsT:
    """Read a configuration from a run's config.json, or from a file with the fields at its top."""
    try:
        found = read_json(path)
    except DataError as error:
        raise UsageError(f"--config: {error}") from error
    if not isinstance(found, dict):
        raise UsageError(f"--config {path} must hold an object of settings, got {type(found).__name__}")
    # The file of a run is whole; one of a user's own leaves out what is to be as by default.
    values = as_meant(found["config"]) if "config" in found else found
    return filled(config_class, values, str(path))


def as_meant(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Add to the settings of a run what they meant before a setting was there."""
    return {**_BEFORE, **settings}


def filled(options_class: type[OptionsT], values: Mapping[str, Any], where: str) -> OptionsT:
    """Make options of values by name; lists become tuples, and mappings the options below others.

    Raises:
        UsageError: an unknown name, one that is missing, or a value of another type; it says `where` they come from.
    """
    hints = typing.get_type_hints(options_class)
    found = {}
    for name, value in values.items():
        if name not in hints:
            near = difflib.get_close_matches(name, hints, n=1)
            advice = f"did you mean {near[0]}?" if near else f"choose among {', '.join(hints)}"
            raise UsageError(f"unknown setting {name} in {where}: {advice}")
        if dataclasses.is_dataclass(hints[name]) and isinstance(value, Mapping):
            value = filled(typing.cast(type, hints[name]), value, f"{where}, {name}")
        elif isinstance(value, list):
            value = tuple(value)
        if not _fits(value, hints[name]):
            raise UsageError(f"{name} in {where} must be {hints[name]}, got {value!r}")
        found[name] = value
    required = [field.name for field in dataclasses.fields(typing.cast(Any, options_class)) if is_required(field)]
    if missing := [name for name in required if name not in found]:
        raise UsageError(f"{where} needs {' and '.join(missing)}")
    return options_class(**found)


def is_required(setting: dataclasses.Field[Any]) -> bool:
    """Tell whether an option has no default."""
    return setting.default is dataclasses.MISSING and setting.default_factory is dataclasses.MISSING


def _fits(value: Any, hint: Any) -> bool:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value in arguments
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if origin is tuple:
        return isinstance(value, tuple)
    if hint in (int, float):
        return isinstance(value, (int, hint)) and not isinstance(value, bool)
    return isinstance(value, hint)
