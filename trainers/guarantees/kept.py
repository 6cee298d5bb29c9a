"""A promise and the threshold that keeps it, or why none does: what reports, figures and cards tell."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from .procedures import chosen_place, pictures_that_would_do, smallest_bounds, starts_of
from .promise import MEASURES, Promise

WHAT = {
    "boxes": {
        "recall": "the share of a picture's objects that are found",
        "precision": "the share of a picture's boxes that are right",
        "f": "{f} of a picture's boxes",
    },
    "mask": {
        "recall": "the share of a picture's salient pixels that are marked",
        "precision": "the share of a picture's marked pixels that are salient",
        "f": "{f} of a picture's mask",
    },
    "labels": {
        "recall": "the share of a picture's pixels that show their class, and the right one",
        "precision": "the share of a picture's pixels with a shown class that show the right one",
        "f": "{f} of a picture's shown classes",
    },
}
OVER = {
    "recall": "pictures with something to find",
    "precision": "pictures in which something is found",
    "f": "pictures with something to find, or found",
}
BREAKS = (
    "It does not hold for other cameras or scenes, nor where the model was trained or chosen on these pictures, or "
    "many of them show the same."
)


@dataclass(frozen=True, eq=False)
class Guarantee:
    """What a threshold promises of pictures like the calibration pictures.

    Attributes:
        promise: what was to be promised.
        kind: what is found: boxes, mask or labels.
        pictures: calibration pictures, also those that do not count for the measure.
        counted: those that count, at the threshold.
        threshold: where to cut scores; None where no threshold keeps the promise.
        means: of each measure over the calibration pictures that count, at the threshold.
        statement: what holds, by how many pictures, and what breaks it; or why nothing does and what would do.
        digest: tells the calibration pictures, their names and truths, in any order, from others.
        thresholds: float64 [T], those that were tried.
        curves: the means of each measure at these, float64 [T]; NaN where no picture counts.
        least: what could be promised of the measure at each alone, float64 [T].
    """

    promise: Promise
    kind: str
    pictures: int
    counted: int
    threshold: float | None
    means: dict[str, float]
    statement: str
    digest: str
    thresholds: np.ndarray
    curves: dict[str, np.ndarray]
    least: np.ndarray

    @classmethod
    def chosen(
        cls,
        promise: Promise,
        kind: str,
        thresholds: np.ndarray,
        losses: np.ndarray,
        counts: np.ndarray,
        pictures: int,
        digest: str,
        beta2: float = 1.0,
    ) -> "Guarantee":
        """Choose by sums of losses and how many there are, both [3, T] by measure; F is by `beta2`."""
        own = MEASURES.index(promise.measure)
        sums, numbers = losses[own], counts[own]
        place = chosen_place(sums, numbers, promise)
        curves = dict(zip(MEASURES, 1 - np.divide(losses, counts, out=np.full(losses.shape, np.nan), where=counts > 0)))
        means, counted, threshold = {}, int(numbers.max(initial=0)), None
        bounds, measured = smallest_bounds(sums, numbers, promise), _measured(promise, kind, beta2)
        if place is None:
            statement = _why_none(promise, measured, sums, numbers, bounds, pictures)
        else:
            counted, threshold = int(numbers[place]), float(thresholds[place])
            means = {name: float(curve[place]) for name, curve in curves.items() if np.isfinite(curve[place])}
            statement = _what_holds(promise, measured, threshold, counted, means)
        return cls(
            promise, kind, pictures, counted, threshold, means, statement, digest,
            np.asarray(thresholds, np.float64), curves, 1 - bounds,
        )  # fmt: skip

    def to_dict(self, *, curves: bool = True) -> dict[str, Any]:
        """Give it as JSON-able data."""
        told: dict[str, Any] = {
            "promise": self.promise.text, "threshold": self.threshold, "pictures": self.pictures,
            "counted": self.counted, "means": self.means, "digest": self.digest, "statement": self.statement,
        }  # fmt: skip
        if curves:
            shown = {**self.curves, "least": self.least}
            lists = {
                name: [None if math.isnan(one) else one for one in values.tolist()] for name, values in shown.items()
            }
            told["curves"] = {"thresholds": self.thresholds.tolist(), **lists}
        return told


def _measured(promise: Promise, kind: str, beta2: float) -> str:
    """Name what is promised, as of boxes of an IoU."""
    what = WHAT[kind][promise.measure].format(f="F1" if beta2 == 1 else f"F (beta2 {beta2:g})")
    iou = f" (IoU {promise.iou:g})" if kind == "boxes" else ""
    return f"{what}{iou}, averaged over {OVER[promise.measure]},"


def _what_holds(promise: Promise, measured: str, threshold: float, counted: int, means: dict[str, float]) -> str:
    like = f"pictures drawn as the {counted} calibration pictures that count were"
    if promise.confidence is None:
        holds = (
            f"is at least {promise.level:g} in expectation, over the draw of these and of a further one (draws by "
            "which nothing can be promised count as kept)"
        )
    else:
        chance = f"{100 * promise.confidence:.6g} %"
        holds = f"is at least {promise.level:g}, with a probability of {chance} over the draw of these"
    figures = ", ".join(f"{name} {value:.3f}" for name, value in means.items())
    return (
        f'"{promise.text}" is kept by threshold {threshold:.6g}: for {like}, {measured} {holds} (on '
        f"these: {figures}). {BREAKS}"
    )


def _why_none(
    promise: Promise, measured: str, sums: np.ndarray, counts: np.ndarray, bounds: np.ndarray, pictures: int
) -> str:
    """Say that no threshold keeps a promise, what could be promised instead, and how many pictures it would take."""
    said = f'"{promise.text}" cannot be promised by these {pictures} pictures'
    if not counts.any():
        return f"{said}: {OVER[promise.measure]} are none of them"
    losses = np.divide(sums, counts, out=np.ones(len(sums)), where=counts > 0)
    # Where no test begins nothing can be promised, however good it is there.
    starts = starts_of(len(sums), promise)
    surest = min(starts, key=bounds.__getitem__)
    # Thresholds of which few pictures tell take many more of them.
    needed = [
        number * pictures / int(counts[place])
        for place in starts
        if counts[place] and (number := pictures_that_would_do(float(losses[place]), promise)) is not None
    ]
    instead = math.floor(100 * (1 - bounds[surest]) + 1e-9) / 100
    could = f"about {promise.measure} >= {instead:g} could be" if instead > 0 else "nothing could be"
    enough = f"{float(f'{min(needed):.2g}'):.0f} or so of such pictures would do" if needed else "more would not help"
    return f"{said}: {measured} is {1 - losses[surest]:.3f} where it is surest, {could}, and {enough}"
