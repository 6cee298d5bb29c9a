"""How steady what a model finds is from frame to frame of clips, by optical flow and by the known motion."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ...data.example import Example, follows
from ...figures.flicker import flicker_figure
from ...geometry import IGNORE
from ...metrics.flicker.classes import ClassFlicker, ClassFlickerResult
from ...metrics.flicker.flow import flow_between
from ...metrics.flicker.maps import MapFlicker, MapFlickerResult
from ...metrics.flicker.trails import Trails
from ..likeliest import Likeliest

Result = MapFlickerResult | ClassFlickerResult


@dataclass(frozen=True, eq=False)
class Steadiness:
    """How steady masks or class maps are.

    Attributes:
        threshold: where maps are cut for the scalars; class maps are not cut.
        by_flow: what is found, by optical flow; None where that follows nothing.
        by_motion: the same by the motion that is known; None where none is.
        truth_by_flow: the true masks or labels, by optical flow: what is not 0 is the flow's error.
        truth_by_motion: the same by the known motion: what is not 0 is that pixels are no points.
    """

    threshold: float
    by_flow: Result | None
    by_motion: Result | None = None
    truth_by_flow: Result | None = None
    truth_by_motion: Result | None = None

    @property
    def best(self) -> Result:
        """By the known motion, or else by optical flow."""
        best = self.by_motion or self.by_flow
        assert best is not None
        return best

    @property
    def scalars(self) -> dict[str, float]:
        """The figures by the keys of the metric catalogue."""
        others = {
            "flow_flicker": self.by_flow if self.by_motion else None,
            "truth_flicker": self.truth_by_motion,
            "truth_flow_flicker": self.truth_by_flow,
        }
        further = {name: one.scalars(self.threshold)["flicker"] for name, one in others.items() if one is not None}
        return {**self.best.scalars(self.threshold), **further}

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """The flicker of each class by its name, of class maps."""
        by_class = self.best.by_class if isinstance(self.best, ClassFlickerResult) else {}
        return {name: {"flicker": value} for name, value in by_class.items()}

    @property
    def note(self) -> str:
        """Say what was held against what, in a sentence."""
        followed = self.best.followed
        told = f"{followed.pairs} pairs of frames in a row were held against each other"
        told += f", none across {followed.cuts} cuts" * (followed.cuts > 0)
        how = "known motion" if self.by_motion else "optical flow"
        return f"{told}, over the {followed.share:.1%} of the pixels that the {how} follows"

    def to_dict(self) -> dict[str, Any]:
        """Give figures and curves as JSON-able data."""
        found = {
            "by_flow": self.by_flow,
            "by_motion": self.by_motion,
            "truth_by_flow": self.truth_by_flow,
            "truth_by_motion": self.truth_by_motion,
        }
        curves = {name: one.to_dict() for name, one in found.items() if one is not None}
        return {"threshold": self.threshold, "scalars": self.scalars, **curves}

    def figures(self, label: str) -> dict[str, Figure]:
        """Draw flicker and blink over the threshold; nothing of class maps, which have none."""
        named = {
            "by known motion": self.by_motion,
            "by optical flow": self.by_flow,
            "true masks": self.truth_by_motion,
            "true masks by flow": self.truth_by_flow,
        }
        curves = {name: one for name, one in named.items() if isinstance(one, MapFlickerResult)}
        return {"flicker": flicker_figure(curves, self.threshold, label)} if curves else {}


class SteadinessJudge:
    """Takes in the frames of clips in their order, with what was found in them; other pictures are passed over.

    A frame that does not follow the one before it, or has another size, begins a clip anew.

    Args:
        target: what is found, mask or labels.
        class_names: of class maps.
        threshold: where maps are cut for the scalars.
    """

    def __init__(self, target: str, class_names: Sequence[str] = (), *, threshold: float = 0.5):
        self.target, self.class_names, self.threshold = target, tuple(class_names), threshold
        self._trails = {"flow": Trails(), "motion": Trails()}
        self._measures: dict[tuple[str, str], MapFlicker | ClassFlicker] = {}  # what, and by which trails
        self._last: Example | None = None

    def update(self, example: Example, found: np.ndarray | Likeliest) -> None:
        """Take in the next frame and what was found in it, as its task's judge takes it."""
        frame, last = example.frame, self._last
        self._last = example if frame else None
        if frame is None:
            return
        next_one = follows(last, example)
        for trails in self._trails.values():
            if not next_one:
                trails.begin()
        if next_one and last is not None:
            self._trails["flow"].advance(flow_between(last.image, example.image))
        if next_one and frame.motion is not None:
            self._trails["motion"].advance(frame.motion)
        ways = ("flow",) if frame.motion is None else ("flow", "motion")
        seen = {"found": found.classes if isinstance(found, Likeliest) else found}
        if (truth := self._truth(example)) is not None:
            seen["truth"] = truth
        for what, values in seen.items():
            for way in ways:
                self._measure(what, way).update(values, self._trails[way])

    def result(self) -> Steadiness | None:
        """Give what all clips so far show; None where there was no frame, MetricfitError where none follows another."""
        if not self._measures:
            return None
        results = {key: measure.result() for key, measure in self._measures.items() if measure.pairs}
        if not results:
            self._measures["found", "flow"].result()  # which says why there is nothing
        ways = [(what, way) for what in ("found", "truth") for way in ("flow", "motion")]
        return Steadiness(self.threshold, *(results.get(way) for way in ways))

    def _measure(self, what: str, way: str) -> MapFlicker | ClassFlicker:
        if (what, way) not in self._measures:
            # What is ignored in labels moves along as the rest does, as one more class.
            names = (*self.class_names, "ignored") if what == "truth" else self.class_names
            self._measures[what, way] = MapFlicker() if self.target == "mask" else ClassFlicker(names)
        return self._measures[what, way]

    def _truth(self, example: Example) -> np.ndarray | None:
        if self.target == "mask":
            return None if example.mask is None else (example.mask == 1).astype(np.float32)
        if example.labels is None:
            return None
        return np.where(example.labels == IGNORE, np.uint8(len(self.class_names)), example.labels)
