"""The networks that trainings can choose. Imports no TensorFlow, since command lines are made of it."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from ..errors import UsageError

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

    def build(self, config: Any, **more: Any) -> Any:
        """Build the Keras model that a training's configuration describes; `more` is what its data say."""
        names = {field.name for field in fields(config)} & {"size", *self.settings}
        return self.load()(**{name: getattr(config, name) for name in names}, **more)


def _deeplab() -> Builder:
    from .deeplab import build_deeplab

    return build_deeplab


def _dss() -> Builder:
    from .dss import build_dss

    return build_dss


def _basnet() -> Builder:
    from .basnet import build_basnet

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
        taught=("rpn_weight",),
        stages=2,
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
            raise UsageError(
                f"--{field.name.replace('_', '-')} is for --model {' and '.join(having)}, "
                f"{chosen.title} {reason}: leave it out"
            )
    if chosen.backbone and (config.weights == "imagenet" or config.weights.startswith("preset:")):
        raise UsageError(
            f"--weights {config.weights} is not to be had for the {chosen.backbone} of --model {model}: give a "
            ".weights.h5 file of KerasCV's, or none"
        )


def import_builders() -> None:
    """Import every builder, which tells Keras the classes that saved models are made of."""
    for architecture in MODELS.values():
        architecture.load()
