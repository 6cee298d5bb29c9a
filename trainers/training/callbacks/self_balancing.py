"""The weight of a detector's localisation part, set anew after each epoch."""

import math
from typing import Any

import keras

from ...errors import MetricfitError


class SelfBalancing(keras.callbacks.Callback):
    """Self-balancing (Oksuz et al., NeurIPS 2020, section 4.2): both parts of the loss are to train alike.

    The weight of the localisation part is `initial` (above 0) in the first epoch, then (mean loss)/(mean localisation
    part) of the epoch before, both unweighted; an epoch without any positive leaves it as it is. The model keeps it:
    put this callback before `TrainingCheckpoint`. The logs' `box_weight` is the one that the epoch was trained with.
    A model of two stages has a weight for each, set by this stage's loss alone.
    """

    sets_box_weight = True

    def __init__(self, initial: float = 50.0):
        super().__init__()
        if not initial > 0:
            raise ValueError(f"initial must be above 0, got {initial}")
        self.initial = initial

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Begin with the initial weight; a later epoch finds what the last one, or a checkpoint, left."""
        if not hasattr(self.model, "box_weight"):
            raise MetricfitError(f"self-balancing needs a detector with a box_weight, got {type(self.model).__name__}")
        if epoch == 0:
            for weight in self._weights().values():
                weight.assign(self.initial)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Set the weights for the next epoch."""
        parts = logs or {}
        for stage, weight in self._weights().items():
            localization = float(parts[f"{stage}localization_loss"])
            total = float(parts[f"{stage}classification_loss"]) + localization
            if localization > 0 and math.isfinite(total):
                weight.assign(total / localization)

    def _weights(self) -> dict[str, Any]:
        """The weights to set, by what the logs call the parts of the loss in front of their names."""
        return getattr(self.model, "balances", {"": self.model.box_weight})
