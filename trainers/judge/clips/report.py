"""What is known of a model on clips without a truth: how steady it is, and not how right."""

from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from ..base import Report, Thresholds
from .steadiness import Steadiness

NO_TRUTH = "a video has no truth: this says how steady what is found is, not how right; nothing found is steadiest"


@dataclass(frozen=True, eq=False, repr=False)
class ClipReport(Report):
    """How steady a model is on clips."""

    only_steady = True

    @property
    def _steadiness(self) -> Steadiness:
        assert self.steadiness is not None
        return self.steadiness

    @property
    def scalars(self) -> dict[str, float]:
        """See `Report`."""
        return self._steadiness.scalars

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """See `Report`."""
        return self._steadiness.class_scalars

    @property
    def note(self) -> str:
        """See `Report`."""
        return NO_TRUTH

    @property
    def thresholds(self) -> Thresholds:
        """Where the model's maps are cut: clips choose no threshold."""
        threshold = self._steadiness.threshold
        return {"optimal": threshold, "band": [threshold, threshold], "per_class": []}

    def to_dict(self) -> dict[str, Any]:
        """See `Report`."""
        return {"scalars": self.scalars, "classes": self.class_scalars}

    def figures(self, title: str = "") -> dict[str, Figure]:
        """Draw nothing besides flicker, which `draw` adds."""
        return {}
