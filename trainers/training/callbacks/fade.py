"""Fades one loss into another between two epochs."""

from typing import Any

from ....losses import FadeLoss


class FadeByEpoch(FadeLoss):
    """`FadeLoss` for a loss of two parts, told in epochs: all of the first part, then all of the second.

    Args:
        begin: after how many epochs, 0 or more, the first loss begins to fade.
        end: after how many the second is alone; `begin` or later.
    """

    def __init__(self, begin: float, end: float):
        super().__init__([0.0, 1.0], steps=0)
        self.epochs = begin, end

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Turn epochs into steps, whose number `fit` tells."""
        super().on_train_begin(logs)
        begin, end = (round(epoch * self.params["steps"]) for epoch in self.epochs)
        self.begin, self.steps = begin, end - begin
