"""Losses that are the metric, as pure functions and as Keras classes.

Every function takes (y_true, y_pred) and keyword-only hyperparameters, and gives one value per image; its class is the
same loss for `model.compile`. `LOSSES` lists them all, and `get("floss", beta2=0.8)` makes one by name.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import keras

from .baselines import (
    BalancedCrossEntropy,
    CrossEntropy,
    SoftIoU,
    balanced_cross_entropy,
    cross_entropy,
    soft_iou,
)
from .floss import FLoss, LogFLoss, floss, log_floss

__all__ = [
    "LOSSES",
    "BalancedCrossEntropy",
    "CrossEntropy",
    "FLoss",
    "LogFLoss",
    "LossEntry",
    "SoftIoU",
    "balanced_cross_entropy",
    "cross_entropy",
    "floss",
    "get",
    "log_floss",
    "soft_iou",
]


@dataclass(frozen=True)
class LossEntry:
    """One row of the registry.

    Attributes:
        name: what users type.
        task: the task it serves: saliency.
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
        named = [p for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "sample_weight"]
        return {parameter.name: parameter.default for parameter in named}


_ZHAO = "Zhao et al., Optimizing the F-measure for Threshold-free Salient Object Detection, ICCV 2019"

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
