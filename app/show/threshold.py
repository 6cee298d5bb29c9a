"""Where scores are cut: one threshold, or one for each class, and where it comes from."""

from dataclasses import dataclass

import numpy as np

Levels = float | np.ndarray  # what scores are compared with: a number, or float64 [C] by class


@dataclass(frozen=True)
class Threshold:
    """Where scores are cut, in [0, 1]."""

    value: float  # with thresholds by class it stands for them all
    origin: str = "given"  # or model, keys, or default where nothing names the model's best one
    per_class: tuple[float, ...] = ()  # by index; empty where `value` serves all
    digits: int = 2  # decimals to show
    promise: str = ""  # what a model's threshold was promised to keep, such as `recall >= 0.9 @ 0.95`

    @property
    def levels(self) -> Levels:
        """What scores are compared with: `value`, or `per_class` as an array."""
        return np.array(self.per_class) if self.per_class else self.value

    @property
    def text(self) -> str:
        """The threshold in a few words."""
        shown = sorted({f"{value:.{self.digits}f}" for value in self.per_class or (self.value,)}, key=float)
        return f"threshold {shown[0]}" if len(shown) == 1 else f"thresholds {shown[0]} to {shown[-1]}"

    @property
    def on_screen(self) -> str:
        """The same with its origin, where the user did not choose it."""
        return f"{self.text} ({self.promise or self.origin})" if self.origin in ("model", "default") else self.text

    @property
    def explained(self) -> str:
        """The same with what to do about it, where it is only the default."""
        default = " (the default: no card or run beside this model names its best; --threshold sets another)"
        promised = (
            f" (which promises {self.promise}, as the card says)" if self.origin == "model" and self.promise else ""
        )
        return self.text + (default if self.origin == "default" else promised)
