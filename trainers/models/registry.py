"""The networks that trainings can choose. Imports no TensorFlow, since command lines are made of it."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from ..errors import UsageError
from ..text import cut
from .libraries import KERAS_CV, KERAS_HUB, Library

Builder = Callable[..., Any]  # from settings of a training's configuration, by their names, to a Keras model


@dataclass(frozen=True)
class Architecture:
    """A kind of network; `load` gives its builder, and imports TensorFlow."""

    load: Callable[[], Builder]
    tasks: tuple[str, ...]
    title: str  # its name in its paper
    explained: str  # what it is, for `--help`
    settings: tuple[str, ...] = ()  # fields of a training's configuration, besides `size`, that the builder takes
    taught: tuple[str, ...] = ()  # fields that its training takes, not its builder, and other networks do not have
    stages: int = 1  # 2 where one part proposes what another one looks at
    backbone: str = ""  # what it is always made of; empty where that is chosen, or there is none
    sums_maps: bool = False  # its map is the sum of several, so that no single convolution makes its logits
    library: Library = KERAS_CV  # what its backbone, or all of it, comes from
    anchor_grid: Callable[[], Any] | None = None  # gives the class of its anchors, an `AnchorGrid`; imports TensorFlow

    def build(self, config: Any, **more: Any) -> Any:
        """Build the Keras model that a training's configuration describes; `more` is what its data say."""
        names = {field.name for field in fields(config)} & {"size", *self.settings}
        return self.load()(**{name: getattr(config, name) for name in names}, **more)


def _deeplab() -> Builder:
    from .deeplab import build_deeplab

    return build_deeplab


def _dss() -> Builder:
    from .deeply_supervised.dss import build_dss

    return build_dss


def _dhs() -> Builder:
    from .deeply_supervised.dhs import build_dhs

    return build_dhs


def _amulet() -> Builder:
    from .deeply_supervised.amulet import build_amulet

    return build_amulet


def _basnet() -> Builder:
    from .deeply_supervised.basnet import build_basnet

    return build_basnet


def _enet() -> Builder:
    from .enet import build_enet

    return build_enet


def _retinanet() -> Builder:
    from .detector.retinanet import build_retinanet

    return build_retinanet


def _foveabox() -> Builder:
    from .detector.fovea.foveabox import build_foveabox

    return build_foveabox


def _faster_rcnn() -> Builder:
    from .detector.two_stage.faster_rcnn import build_faster_rcnn

    return build_faster_rcnn


def _hub_retinanet() -> Builder:
    KERAS_HUB.check_installed("--model hub:retinanet")
    from .hub.retinanet import build_hub_retinanet

    return build_hub_retinanet


def _anchors() -> Any:
    from .detector.anchors import AnchorGrid

    return AnchorGrid


def _hub_anchors() -> Any:
    from .hub.anchors import HubAnchorGrid

    return HubAnchorGrid


_PYRAMID_POOLING = ("aspp_dilations", "aspp_channels", "head_channels")
_PYRAMID = ("backbone", "weights", "resizing", "channels")
_ANCHORS = ("scales_per_octave", "anchor_scale")
MODELS = {
    "deeplab": Architecture(
        _deeplab,
        ("saliency", "segmentation"),
        "DeepLabV3+",
        "DeepLabV3+ on --backbone",
        ("backbone", "weights", "resizing", *_PYRAMID_POOLING),
    ),
    "dss": Architecture(
        _dss,
        ("saliency",),
        "DSS",
        "side outputs on every level of --backbone, joined by short connections, with the loss on each",
        ("backbone", "weights"),
    ),
    "dhs": Architecture(
        _dhs,
        ("saliency",),
        "DHS",
        "a coarse map of the whole picture that every level of --backbone refines, with the loss on each",
        ("backbone", "weights"),
    ),
    "amulet": Architecture(
        _amulet,
        ("saliency",),
        "Amulet",
        "all levels of --backbone brought together at each resolution, with the loss on each's map",
        ("backbone", "weights"),
    ),
    "basnet": Architecture(
        _basnet,
        ("saliency",),
        "BASNet",
        "BASNet on ResNet34 with the loss on its eight outputs: large, for GPUs",
        ("weights",),
        backbone="ResNet34",
        sums_maps=True,
    ),
    "enet": Architecture(
        _enet, ("segmentation",), "ENet", "ENet: small and quick, without pretrained weights", ("resizing",)
    ),
    "retinanet": Architecture(
        _retinanet,
        ("detection",),
        "RetinaNet",
        "RetinaNet on --backbone, with anchors of three shapes",
        (*_PYRAMID, "head_layers", *_ANCHORS, "assignment"),
        anchor_grid=_anchors,
    ),
    "foveabox": Architecture(
        _foveabox,
        ("detection",),
        "FoveaBox",
        "FoveaBox on --backbone, which looks from places instead of anchors",
        (*_PYRAMID, "head_layers"),
    ),
    "faster_rcnn": Architecture(
        _faster_rcnn,
        ("detection",),
        "Faster R-CNN",
        "Faster R-CNN on --backbone, whose second stage looks again at each of --proposals of the first",
        (*_PYRAMID, *_ANCHORS, "proposals", "region_units"),
        anchor_grid=_anchors,
        taught=("rpn_weight",),
        stages=2,
    ),
    "hub:retinanet": Architecture(
        _hub_retinanet,
        ("detection",),
        "KerasHub's RetinaNet",
        "KerasHub's RetinaNet (pip install 'metricfit[hub]'), 256 wide, on efficientnet_lite0 or resnet18, 34, 50, 101",
        ("backbone", "weights", "resizing", "head_layers", *_ANCHORS, "assignment"),
        library=KERAS_HUB,
        anchor_grid=_hub_anchors,
    ),
}


def serving(task: str) -> dict[str, Architecture]:
    """Give the networks that a task can be done with, the usual one first."""
    return {name: architecture for name, architecture in MODELS.items() if task in architecture.tasks}


def explained(task: str) -> str:
    """Say in one sentence what a task can choose among, for `--help`."""
    *others, last = [f"{name}, {architecture.explained}" for name, architecture in serving(task).items()]
    return f"{'; '.join([*others, f'or {last}' if others else last])}."


def check_settings(task: str, model: str, config: Any) -> None:
    """Raise UsageError where a training's configuration sets what its network does not have, or weights of another."""
    chosen, defaults = MODELS[model], type(config)()
    for field in fields(config):
        having = [name for name, one in serving(task).items() if field.name in (*one.settings, *one.taught)]
        changed = getattr(config, field.name) not in (getattr(defaults, field.name), "none")
        if having and model not in having and changed:
            reason = f"is made of a {chosen.backbone} always" if chosen.backbone else "has no such part"
            *some, last = having
            names = f"{', '.join(some)} and {last}" if some else last
            raise UsageError(
                f"--{field.name.replace('_', '-')} is for --model {names}, {chosen.title} {reason}: leave it out"
            )
    _check_library(model, chosen, config)
    if chosen.backbone and (config.weights == "imagenet" or config.weights.startswith("preset:")):
        raise UsageError(
            f"--weights {config.weights} is not to be had for the {chosen.backbone} of --model {model}: give a "
            ".weights.h5 file of KerasCV's, or none"
        )


def _check_library(model: str, chosen: Architecture, config: Any) -> None:
    chosen.library.check_installed(f"--model {model}")
    if "backbone" in chosen.settings and config.backbone not in (known := chosen.library.backbones()):
        others = f" of {chosen.library.name}" if chosen.library.extra else ""
        raise UsageError(f"unknown backbone {cut(config.backbone)}{others}: choose one of {', '.join(known)}")
    if "weights" in chosen.settings and config.weights == "imagenet" and not chosen.library.imagenet:
        raise UsageError(
            f"--weights imagenet is of KerasCV's backbones, not for --model {model}: give preset:NAME (online), "
            "preset:FOLDER, a .weights.h5 file, or none"
        )


def import_builders(described: str = "", wanted: str = "the model") -> None:
    """Import the builders, which tells Keras the classes that saved models are made of.

    Those of a library that is an extra are slow to import, and wanted only where a model's description names it: then
    UsageError tells what is `wanted` where it is not installed.
    """
    for architecture in MODELS.values():
        library = architecture.library
        if not library.extra:
            architecture.load()
        elif library.is_named_in(described):
            library.check_installed(wanted)
            architecture.load()
