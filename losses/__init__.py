"""Losses that are the metric, as pure functions and as Keras classes.

A saliency function takes (y_true, y_pred) and gives one value per image. A detection function takes (labels, scores)
of a whole batch, labels 1, 0 and −1 = ignored, looks at all images and classes jointly and gives scalars.
Hyperparameters are keyword-only, and each class is the same loss for `model.compile`. `LOSSES` lists them all, and
`get("floss", beta2=0.8)` makes one by name.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import keras

from .base import AnchorLoss
from .boxes import aligned_giou, aligned_iou, giou_error, iou_error, smooth_l1
from .combined import Combined, FadeLoss
from .deep_supervision import DeepSupervision
from .pixelwise.cross_entropy import (
    BalancedCrossEntropy,
    CrossEntropy,
    SoftIoU,
    balanced_cross_entropy,
    cross_entropy,
    soft_iou,
)
from .pixelwise.focal import BinaryFocalLoss, binary_focal_loss
from .pixelwise.ohem import CrossEntropyOHEM, cross_entropy_ohem
from .pixelwise.softmax_cross_entropy import SoftmaxCrossEntropy, softmax_cross_entropy
from .ranking.alrp import ALRPLoss, alrp_loss
from .ranking.ap import APLoss, ap_loss
from .ranking.auc import AUCLoss, auc_loss
from .ranking.ndcg import NDCGLoss, ndcg_loss
from .ranking.rank_sort import RankSortLoss, rank_sort_loss
from .region.floss import FLoss, LogFLoss, floss, log_floss
from .region.lovasz import LovaszHinge, LovaszSoftmax, lovasz_hinge, lovasz_softmax
from .region.lovasz_prox import lovasz_prox

__all__ = [
    "LOSSES",
    "ALRPLoss",
    "APLoss",
    "AUCLoss",
    "AnchorLoss",
    "BalancedCrossEntropy",
    "BinaryFocalLoss",
    "Combined",
    "CrossEntropy",
    "CrossEntropyOHEM",
    "DeepSupervision",
    "FLoss",
    "FadeLoss",
    "LogFLoss",
    "LossEntry",
    "LovaszHinge",
    "LovaszSoftmax",
    "NDCGLoss",
    "RankSortLoss",
    "SoftIoU",
    "SoftmaxCrossEntropy",
    "aligned_giou",
    "aligned_iou",
    "alrp_loss",
    "ap_loss",
    "auc_loss",
    "balanced_cross_entropy",
    "binary_focal_loss",
    "combined",
    "cross_entropy",
    "cross_entropy_ohem",
    "floss",
    "get",
    "giou_error",
    "iou_error",
    "log_floss",
    "lovasz_hinge",
    "lovasz_prox",
    "lovasz_softmax",
    "ndcg_loss",
    "rank_sort_loss",
    "smooth_l1",
    "soft_iou",
    "softmax_cross_entropy",
]


@dataclass(frozen=True)
class LossEntry:
    """One row of the registry.

    Attributes:
        name: what users type.
        task: the task it serves: saliency, segmentation or detection.
        optimises: the quantity that it improves, in a few words.
        function: the pure function.
        loss_class: the Keras class.
        reference: where its formula is from.
    """

    name: str
    task: str
    optimises: str
    function: Callable
    loss_class: type[keras.losses.Loss]
    reference: str

    @property
    def hyperparameters(self) -> dict:
        """Name and default value of each hyperparameter."""
        parameters = inspect.signature(self.function).parameters.values()
        named = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name not in _OF_THE_DATA]
        return {parameter.name: parameter.default for parameter in named}


# What tells about the labels of a call, and is no hyperparameter.
_OF_THE_DATA = ("sample_weight", "one_hot")
_ZHAO = "Zhao et al., Optimizing the F-measure for Threshold-free Salient Object Detection, ICCV 2019"
_CHEN = "Chen et al., Towards Accurate One-Stage Object Detection with AP-Loss, CVPR 2019"
_BERMAN = "Berman et al., The Lovász-Softmax loss, CVPR 2018"
_OKSUZ = "Oksuz et al., A Ranking-based, Balanced Loss Function, NeurIPS 2020"

LOSSES: dict[str, LossEntry] = {
    entry.name: entry
    for entry in (
        LossEntry("floss", "saliency", "relaxed F-measure of each image", floss, FLoss, f"{_ZHAO}, eq. 5-7"),
        LossEntry(
            "log_floss", "saliency", "log of the relaxed F-measure", log_floss, LogFLoss, f"{_ZHAO}, log variant"
        ),
        LossEntry(
            "cross_entropy", "saliency", "likelihood of each pixel", cross_entropy, CrossEntropy, f"{_ZHAO}, eq. 8"
        ),
        LossEntry(
            "balanced_cross_entropy",
            "saliency",
            "likelihood, both classes weighing alike",
            balanced_cross_entropy,
            BalancedCrossEntropy,
            f"{_ZHAO}, section 4.4",
        ),
        LossEntry(
            "soft_iou",
            "saliency",
            "relaxed IoU of each image",
            soft_iou,
            SoftIoU,
            "Rahman and Wang, Optimizing Intersection-Over-Union in Deep Neural Networks, ISVC 2016",
        ),
        LossEntry(
            "lovasz_softmax",
            "segmentation",
            "IoU averaged over the classes, of the batch",
            lovasz_softmax,
            LovaszSoftmax,
            f"{_BERMAN}, eq. 8-13",
        ),
        LossEntry(
            "lovasz_hinge",
            "segmentation",
            "IoU of each picture, by scores; serves saliency too",
            lovasz_hinge,
            LovaszHinge,
            f"{_BERMAN}, eq. 10",
        ),
        LossEntry(
            "softmax_cross_entropy",
            "segmentation",
            "likelihood of each pixel's class",
            softmax_cross_entropy,
            SoftmaxCrossEntropy,
            f"{_BERMAN}, eq. 1-2",
        ),
        LossEntry("ap", "detection", "average precision of the batch", ap_loss, APLoss, f"{_CHEN}, eq. 5-14"),
        LossEntry(
            "alrp", "detection", "average LRP: ranks and boxes together", alrp_loss, ALRPLoss, f"{_OKSUZ}, eq. 9-14"
        ),
        LossEntry("auc", "detection", "area under the ROC curve of the batch", auc_loss, AUCLoss, f"{_CHEN}, eq. 7"),
        LossEntry(
            "ndcg",
            "detection",
            "normalised discounted cumulative gain",
            ndcg_loss,
            NDCGLoss,
            f"{_OKSUZ}, section 3, with a rank among the positives as the target",
        ),
        LossEntry(
            "rank_sort",
            "detection",
            "ranks, and positives sorted by their boxes",
            rank_sort_loss,
            RankSortLoss,
            "Oksuz et al., Rank & Sort Loss for Object Detection and Instance Segmentation, ICCV 2021",
        ),
        LossEntry(
            "focal",
            "detection",
            "likelihood, easy entries faded out",
            binary_focal_loss,
            BinaryFocalLoss,
            "Lin et al., Focal Loss for Dense Object Detection, ICCV 2017",
        ),
        LossEntry(
            "cross_entropy_ohem",
            "detection",
            "likelihood of positives and the hardest negatives",
            cross_entropy_ohem,
            CrossEntropyOHEM,
            "Liu et al., SSD: Single Shot MultiBox Detector, ECCV 2016, section 2.2",
        ),
    )
}


def get(name, /, **hyperparameters) -> keras.losses.Loss:
    """Make a Keras loss by its name in `LOSSES`, or a weighted sum of several.

    Args:
        name: a key of `LOSSES`, or such as "softmax_cross_entropy + 0.5 * lovasz_softmax".
        **hyperparameters: arguments of the loss; `reduction` too. Of a sum, each part takes those that it has.

    Returns:
        The Keras loss; of a sum, a `Combined`.

    Raises:
        ValueError: a name is unknown, or the loss has no such hyperparameter, or refuses its value.
    """
    if "+" in name or "*" in name:
        return combined(read_sum(name), **hyperparameters)
    _check_name(name)
    choices = [*LOSSES[name].hyperparameters, "reduction"]
    unknown = [key for key in hyperparameters if key not in choices]
    if unknown:
        raise ValueError(f"loss {name} has no hyperparameter {', '.join(unknown)}: choose from {', '.join(choices)}")
    return LOSSES[name].loss_class(**hyperparameters)


def combined(weights=None, /, **arguments) -> Combined:
    """Make a weighted sum of registered losses: `combined(softmax_cross_entropy=1.0, lovasz_softmax=1.0)`.

    Args:
        weights: the weights of the losses by name, where they are not given as arguments.
        **arguments: weights of losses by name, and hyperparameters; each part takes those that it has. For parts with
            unlike hyperparameters use `Combined` itself.

    Returns:
        The Keras loss.

    Raises:
        ValueError: a name is unknown, or no part has such a hyperparameter, or a value is refused.
    """
    weights = {**(weights or {}), **{name: arguments.pop(name) for name in [*arguments] if name in LOSSES}}
    for name in weights:
        _check_name(name)
    known = {name: [*LOSSES[name].hyperparameters, "reduction"] for name in weights}
    unknown = [key for key in arguments if not any(key in keys for keys in known.values())]
    if unknown:
        names = ", ".join(weights) or "a sum of no losses"
        raise ValueError(f"no hyperparameter {', '.join(unknown)} in {names}, nor a loss of that name")
    parts = [get(name, **{key: arguments[key] for key in known[name] if key in arguments}) for name in weights]
    return Combined(parts, list(weights.values()))


def read_sum(text) -> dict[str, float]:
    """Read the weights by name of a loss, or of a sum such as "a + 0.5 * b"; whether the names exist is not asked.

    Raises:
        ValueError: a factor is no number, or a name stands twice.
    """
    weights = {}
    for term in text.split("+"):
        factor, _, name = term.rpartition("*")
        try:
            weight = float(factor) if factor else 1.0
        except ValueError as error:
            raise ValueError(f"{term.strip()!r} in {text!r} must be a loss, or a number * a loss") from error
        if name.strip() in weights:
            raise ValueError(f"loss {name.strip()} stands twice in {text!r}")
        weights[name.strip()] = weight
    return weights


def _check_name(name):
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}: choose one of {', '.join(LOSSES)}")
