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
        return f"{self.text} ({self.origin})" if self.origin in ("model", "default") else self.text

    @property
    def explained(self) -> str:
        """The same with what to do about it, where it is only the default."""
        default = " (the default: no card or run beside this model names its best; --threshold sets another)"
        return self.text + (default if self.origin == "default" else "")
