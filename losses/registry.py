"""The registry of losses: `LOSSES` lists them all, `get("floss", beta2=0.8)` makes one by name."""

import difflib
from typing import Any

import keras

from .base import LossEntry
from .combined import Combined
from .pixelwise.anchor_cross_entropy import AnchorCrossEntropy
from .pixelwise.cross_entropy import BalancedCrossEntropy, CrossEntropy, SoftmaxCrossEntropy
from .pixelwise.focal import BinaryFocalLoss
from .pixelwise.ohem import CrossEntropyOHEM
from .pixelwise.quality_focal import QualityFocalLoss
from .pixelwise.varifocal import VarifocalLoss
from .ranking.alrp import ALRPLoss
from .ranking.ap import APLoss, AUCLoss
from .ranking.correlation import CorrelationLoss
from .ranking.ndcg import NDCGLoss
from .ranking.rank_sort import RankSortLoss
from .region.class_overlap import DiceSemimetricSoftmax, JaccardMetricSoftmax
from .region.dice import Dice, DiceSemimetric
from .region.floss import FLoss, LogFLoss
from .region.lovasz import LovaszHinge, LovaszSoftmax
from .region.soft_iou import JaccardMetric, SoftIoU
from .region.structure import Structure
from .region.tversky import FocalTversky, Tversky
from .region.unified_focal import UnifiedFocal

_OVERLAP = (SoftIoU, JaccardMetric, Dice, DiceSemimetric, Tversky, FocalTversky)
_SALIENCY = (FLoss, LogFLoss, CrossEntropy, BalancedCrossEntropy, *_OVERLAP, Structure, UnifiedFocal)
_SEGMENTATION = (LovaszSoftmax, LovaszHinge, SoftmaxCrossEntropy, JaccardMetricSoftmax, DiceSemimetricSoftmax)
_RANKING = (APLoss, ALRPLoss, AUCLoss, NDCGLoss, RankSortLoss)
_FOCAL = (BinaryFocalLoss, VarifocalLoss, QualityFocalLoss)
_DETECTION = (*_RANKING, *_FOCAL, CorrelationLoss, AnchorCrossEntropy, CrossEntropyOHEM)
LOSSES: dict[str, LossEntry] = {
    loss_class.entry.name: loss_class.entry for loss_class in (*_SALIENCY, *_SEGMENTATION, *_DETECTION)
}


def get(name: str, /, **hyperparameters: Any) -> keras.losses.Loss:
    """Make a Keras loss by its name in `LOSSES`, or a `Combined`.

    Args:
        name: a key of `LOSSES`, or such as "softmax_cross_entropy + 0.5 * lovasz_softmax".
        **hyperparameters: arguments of the loss; `reduction` too. Of a sum, each part takes those that it has.

    Raises:
        ValueError: a name is unknown, or the loss has no such hyperparameter, or refuses its value.
    """
    if "+" in name or "*" in name:
        return combined(read_sum(name), **hyperparameters)
    choices = _arguments(name)
    unknown = [key for key in hyperparameters if key not in choices]
    if unknown:
        raise ValueError(f"loss {name} has no hyperparameter {', '.join(unknown)}: choose from {', '.join(choices)}")
    return LOSSES[name].loss_class(**hyperparameters)


def combined(weights: dict[str, float] | None = None, /, **arguments: Any) -> Combined:
    """Make a weighted sum of registered losses: `combined(softmax_cross_entropy=1.0, lovasz_softmax=1.0)`.

    Args:
        weights: the weights of the losses by name, where they are not given as arguments.
        **arguments: weights of losses by name, and hyperparameters; each part takes those that it has. For parts with
            unlike hyperparameters use `Combined` itself.

    Raises:
        ValueError: a name is unknown, or no part has such a hyperparameter, or a value is refused.
    """
    weights = {**(weights or {}), **{name: arguments.pop(name) for name in [*arguments] if name in LOSSES}}
    known = {name: _arguments(name) for name in weights}
    unknown = [key for key in arguments if not any(key in keys for keys in known.values())]
    if unknown:
        names = ", ".join(weights) or "a sum of no losses"
        raise ValueError(f"no hyperparameter {', '.join(unknown)} in {names}, nor a loss of that name")
    parts = [get(name, **{key: arguments[key] for key in known[name] if key in arguments}) for name in weights]
    return Combined(parts, list(weights.values()))


def read_sum(text: str) -> dict[str, float]:
    """Read the weights by name of a loss, or of a sum such as "a + 0.5 * b"; whether the names exist is not asked.

    Raises:
        ValueError: a factor is no number, or a name stands twice.
    """
    weights: dict[str, float] = {}
    for term in text.split("+"):
        factor, _, name = term.rpartition("*")
        name = name.strip()
        if name in weights:
            raise ValueError(f"loss {name} stands twice in {text!r}")
        try:
            weights[name] = float(factor) if factor else 1.0
        except ValueError as error:
            raise ValueError(f"{term.strip()!r} in {text!r} must be a loss, or a number * a loss") from error
    return weights


def takes(text: str, hyperparameter: str) -> bool:
    """Tell whether a loss, or one of a sum such as "a + 0.5 * b", has a hyperparameter; unknown names have none."""
    names = [term.rpartition("*")[2].strip() for term in text.split("+")]
    return any(hyperparameter in LOSSES[name].hyperparameters for name in names if name in LOSSES)


def _arguments(name: str) -> list[str]:
    """Name what may be given to a loss; ValueError for an unknown one."""
    if name not in LOSSES:
        nearest = difflib.get_close_matches(name, LOSSES, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise ValueError(f"unknown loss {name[:60]!r}: choose one of {', '.join(LOSSES)}{hint}")
    return [*LOSSES[name].hyperparameters, "reduction"]
