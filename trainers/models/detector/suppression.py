"""How several boxes around one object are thinned out: the choice and its rule. Imports no TensorFlow.

Hard suppression drops what overlaps a surer box by more than `iou`. Soft-NMS (Bodla et al., ICCV 2017) lowers its score
instead: linearly, by the factor 1 - IoU above `iou` (eq. 2 there), or by exp(-IoU^2 / sigma) for any overlap (eq. 3).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np

from ...errors import UsageError

Method = Literal["hard", "soft-linear", "soft-gaussian"]
METHODS: tuple[Method, ...] = ("hard", "soft-linear", "soft-gaussian")
CANDIDATES = 1000
"""Pairs of a box and a class, of a picture's highest scores, that enter the suppression."""
USUAL_MOST = 100
USUAL_IOU = {"hard": 0.5, "soft-linear": 0.3}
USUAL_SIGMA = {"soft-gaussian": 0.5}


@dataclass(frozen=True)
class Suppression:
    """A rule by which boxes are thinned out; UsageError for one out of range, or what its method does not have.

    Attributes:
        method: one of `METHODS`.
        iou: overlap from 0 to 1 up to which boxes leave each other alone; None takes the usual one of the method. The
            Gaussian has none.
        sigma: of the Gaussian alone, above 0 and at most 10; None takes 0.5, as the paper does.
        per_class: whether boxes of different classes leave each other alone.
        max_detections: boxes that a picture keeps at most, 1 to 1000; None takes `USUAL_MOST`, with tiles `CANDIDATES`.
    """

    method: Method = "hard"
    iou: float | None = None
    sigma: float | None = None
    per_class: bool = True
    max_detections: int | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise UsageError(f"--nms must be one of {', '.join(METHODS)}, got {self.method}")
        for name, usual in (("iou", USUAL_IOU), ("sigma", USUAL_SIGMA)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, usual.get(self.method))
            elif self.method not in usual:
                raise UsageError(
                    f"--nms-{name} is for --nms {' and '.join(usual)}, {self.method} has none: leave it out"
                )
        if self.iou is not None and not 0 <= self.iou <= 1:
            raise UsageError(f"--nms-iou must be from 0 to 1, got {self.iou}")
        if self.sigma is not None and not 0 < self.sigma <= 10:
            raise UsageError(f"--nms-sigma must be above 0 and at most 10, got {self.sigma}")
        if not 1 <= self.most <= CANDIDATES:
            raise UsageError(f"--max-detections must be from 1 to {CANDIDATES}, got {self.max_detections}")

    @property
    def most(self) -> int:
        """Boxes that a picture keeps at most."""
        return USUAL_MOST if self.max_detections is None else self.max_detections

    @property
    def is_hard(self) -> bool:
        """Whether boxes go or stay as they are."""
        return self.method == "hard"

    def left(self, iou: np.ndarray) -> np.ndarray:
        """Give the factor on the scores of boxes that overlap a surer one by these IoU, 0 to 1, of the same shape."""
        if self.method == "soft-gaussian":
            return np.exp(-(iou**2) / self.sigma)
        return np.where(iou > self.iou, 0.0 if self.is_hard else 1 - iou, 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON can hold it, without what its method does not have."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Make one of what `to_dict` gave, the usual one of nothing; UsageError or TypeError for what is none."""
        for name, value in values.items():
            if type(value) not in _KINDS.get(name, (type(value),)):
                raise TypeError(f"{name} is {value!r:.60}")
        return cls(**values)

    @property
    def words(self) -> list[str]:
        """Say in what it differs from the usual one, for names of files."""
        told = self.to_dict() | {"per_class": "" if self.per_class else "no"}
        usual = USUAL.to_dict() | {"per_class": ""}
        names = {"method": "nms", "iou": "iou", "sigma": "sigma", "per_class": "classes", "max_detections": "max"}
        differs = [(names[name], value) for name, value in told.items() if value != usual.get(name)]
        return [f"{name}-{value:g}" if isinstance(value, float | int) else f"{name}-{value}" for name, value in differs]

    def __str__(self) -> str:
        how = f"sigma {self.sigma:g}" if self.iou is None else f"IoU {self.iou:g}"
        among = "class by class" if self.per_class else "over all classes"
        return f"{self.method} NMS at {how}, {among}, at most {self.most} boxes"


_KINDS: dict[str, tuple[type, ...]] = {
    "method": (str,), "iou": (int, float), "sigma": (int, float), "per_class": (bool,), "max_detections": (int,),
}  # fmt: skip

USUAL = Suppression()
"""That of every model about which nothing else is said."""


def suppression_of_flags(
    nms: str | None = None,
    nms_iou: float | None = None,
    nms_sigma: float | None = None,
    nms_per_class: bool = True,
    max_detections: int | None = None,
) -> Suppression | None:
    """Make a suppression of flags that may be left out; None where all of them are."""
    told: dict[str, Any] = {"method": nms, "iou": nms_iou, "sigma": nms_sigma, "max_detections": max_detections}
    given = {name: value for name, value in told.items() if value is not None}
    given |= {} if nms_per_class else {"per_class": False}
    return Suppression(**given) if given else None
