"""Fades one loss into another between two epochs."""

from typing import Any

from ....losses import FadeLoss


class FadeByEpoch(FadeLoss):
    """`FadeLoss` for a loss of two parts, from the first alone after `begin` epochs to the second alone after `end`."""

    def __init__(self, begin: float, end: float):
        super().__init__([0.0, 1.0], steps=0)
        self.epochs = begin, end

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Turn epochs into steps, whose number `fit` tells."""
        super().on_train_begin(logs)
        begin, end = (round(epoch * self.params["steps"]) for epoch in self.epochs)
        self.begin, self.steps = begin, end - begin
