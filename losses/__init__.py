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

from .alrp import ALRPLoss, alrp_loss
from .ap import APLoss, ap_loss
from .auc import AUCLoss, auc_loss
from .baselines import (
    BalancedCrossEntropy,
    CrossEntropy,
    SoftIoU,
    balanced_cross_entropy,
    cross_entropy,
    soft_iou,
)
from .boxes import aligned_giou, aligned_iou, giou_error, iou_error, smooth_l1
from .floss import FLoss, LogFLoss, floss, log_floss
from .focal import BinaryFocalLoss, binary_focal_loss
from .keras_losses import AnchorLoss
from .ndcg import NDCGLoss, ndcg_loss
from .ohem import CrossEntropyOHEM, cross_entropy_ohem
from .rank_sort import RankSortLoss, rank_sort_loss

__all__ = [
    "LOSSES",
    "ALRPLoss",
    "APLoss",
    "AUCLoss",
    "AnchorLoss",
    "BalancedCrossEntropy",
    "BinaryFocalLoss",
    "CrossEntropy",
    "CrossEntropyOHEM",
    "FLoss",
    "LogFLoss",
    "LossEntry",
    "NDCGLoss",
    "RankSortLoss",
    "SoftIoU",
    "aligned_giou",
    "aligned_iou",
    "alrp_loss",
    "ap_loss",
    "auc_loss",
    "balanced_cross_entropy",
    "binary_focal_loss",
    "cross_entropy",
    "cross_entropy_ohem",
    "floss",
    "get",
    "giou_error",
    "iou_error",
    "log_floss",
    "ndcg_loss",
    "rank_sort_loss",
    "smooth_l1",
    "soft_iou",
]


@dataclass(frozen=True)
class LossEntry:
    """One row of the registry.

    Attributes:
        name: what users type.
        task: the task it serves: saliency or detection.
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
    """Make a Keras loss by its name in `LOSSES`.

    Args:
        name: a key of `LOSSES`.
        **hyperparameters: arguments of the loss; `reduction` too.

    Returns:
        The Keras loss.

    Raises:
        ValueError: the name is unknown, or the loss has no such hyperparameter, or refuses its value.
    """
    if name not in LOSSES:
        raise ValueError(f"unknown loss {name!r}: choose one of {', '.join(LOSSES)}")
    choices = [*LOSSES[name].hyperparameters, "reduction"]
    unknown = [key for key in hyperparameters if key not in choices]
    if unknown:
        raise ValueError(f"loss {name} has no hyperparameter {', '.join(unknown)}: choose from {', '.join(choices)}")
    return LOSSES[name].loss_class(**hyperparameters)
