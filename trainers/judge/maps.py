"""Judging saliency: maps in [0, 1] against masks, by the F-measure, and by how far they are probabilities."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..data.example import Example
from ..figures.maps import panels_figure
from ..figures.reliability import pixel_reliability_figure
from ..figures.thresholds import threshold_figure
from ..guarantees.losses import Counts
from ..metrics.calibration.halves import half_of
from ..metrics.calibration.pixels import BINS, PixelCalibration
from ..metrics.calibration.reliability import Reliability
from ..metrics.calibration.temperature import Temperature
from ..metrics.f_measure import AVERAGES, FMeasureCurve, FMeasureResult, MapCounts
from ..metrics.image_iou import ImageIoU
from ..metrics.logit_curve import LogitFMeasure
from ..metrics.logit_scale import sigmoid
from .base import Judge, Report, Thresholds, known

LEAST_CONTRAST = 0.25  # between the mean saliency of objects and of what is around them


@dataclass(frozen=True, eq=False, repr=False)
class SaliencyReport(Report):
    """How good a saliency model is on one source."""

    results: dict[str, FMeasureResult]  # by convention, see `FMeasureCurve`; "curves" is what papers report
    further: dict[str, np.ndarray] = field(default_factory=dict)  # of further measures by name, float64 [T]
    reliability: Reliability | None = None  # of the maps as probabilities, where it was measured
    temperature: float = float("nan")  # of the logits, that would fit these data best; NaN where none does
    tempered: Reliability | None = None  # with the logits divided by it, each half of the pictures by the other's

    @property
    def scalars(self) -> dict[str, float]:
        """The main figures, by the convention that papers report."""
        values: dict[str, Any] = self.results["curves"].to_dict(curves=False)
        low, high = values.pop("band")
        return {**values, "band_low": low, "band_high": high, **self.calibration}

    @property
    def calibration(self) -> dict[str, float]:
        """How far the maps are probabilities: `pixel_ece`, `temperature`, `tempered_ece`, as far as they exist."""
        errors = (float("nan") if one is None else one.error for one in (self.reliability, self.tempered))
        values = dict(zip(("pixel_ece", "tempered_ece"), errors)) | {"temperature": self.temperature}
        return {name: value for name, value in values.items() if not np.isnan(value)}

    @property
    def warning(self) -> str:
        """Compare the mean saliency of objects and of the background around them."""
        if (curve := self.results.get("curves")) is None:
            return ""
        on_objects = float(np.mean(curve.recall))  # the mean of the shares at or above each threshold
        share = float(curve.precision[0])
        around = (curve.mae - (1 - on_objects) * share) / (1 - share) if share < 1 else on_objects
        if on_objects - around >= LEAST_CONTRAST:
            return ""
        if around - on_objects >= LEAST_CONTRAST:
            kind = "mark what is beside the objects"
        else:
            kind = "mark everything" if around > 0.8 else "mark nothing" if on_objects < 0.2 else "are nearly constant"
        return f"the maps {kind}: {on_objects:.2f} on the objects and {max(0.0, around):.2f} beside them, on average"

    @property
    def thresholds(self) -> Thresholds:
        """The best threshold for the F-measure, and its band."""
        curve = self.results["curves"]
        return {"optimal": curve.optimal_threshold, "band": list(curve.band), "per_class": []}

    def to_dict(self) -> dict[str, Any]:
        """Give all figures and curves by convention, and the calibration."""
        calibration = {}
        if self.reliability is not None:
            calibration = {"calibration": {**self.calibration, "bins": self.reliability.to_dict()}}
        return {**{name: result.to_dict() for name, result in self.results.items()}, **calibration}

    def figures(self, title: str = "") -> dict[str, Figure]:
        """Draw F, precision and recall over the threshold, what probabilities are worth, and the pictures."""
        drawn = {}
        if self.results:
            drawn["thresholds"] = threshold_figure(self.results["curves"], self.label, title=title)
        if self.reliability is not None:
            drawn["reliability"] = pixel_reliability_figure(
                self.reliability,
                self.label,
                "salient",
                temperature=self.temperature,
                tempered=self.tempered,
                title=title,
            )
        if self.pictures:
            drawn["panels"] = panels_figure(self.pictures, title=title)
        return drawn


class MapJudge(Judge[np.ndarray, SaliencyReport]):
    """Judges maps float32 [H, W] in [0, 1], logits times `logit_scale`; options as in `FMeasureCurve` and `Judge`.

    `calibration` tells whether it is measured how far the maps are probabilities: as they are, under every protocol.
    """

    kind = "mask"
    settings = ("logit_scale",)

    def __init__(
        self,
        *,
        beta2: float = 0.3,
        protocol: str = "raw",
        logit_scale: float = 1.0,
        averages: Sequence[str] = AVERAGES,
        further: Mapping[str, ImageIoU | LogitFMeasure] | None = None,
        calibration: bool = True,
        **options: Any,
    ):
        super().__init__(beta2=beta2, **options)
        self.logit_scale = logit_scale
        self.curves = {name: FMeasureCurve(beta2, name, protocol) for name in averages}
        self.protocol, self.further = protocol, dict(further or {})
        self.calibration: dict[str, Any] = {}
        if calibration:
            self.calibration = {"pixels": PixelCalibration(), "temperature": Temperature()}
        self.measures = {**self.curves, **self.further, **self.calibration}
        if self.losses:
            self.measures["losses"] = self.losses

    def _measure(self, example: Example, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mask, found = known(example, "mask"), scale_logits(found, self.logit_scale)
        if self.curves or self.calibration or self.losses:
            self._count(found, mask, example)
        for measure in self.further.values():
            measure.update(to_logits(found) if isinstance(measure, LogitFMeasure) else found, mask)
        return mask, found

    def _count(self, found: np.ndarray, mask: np.ndarray, example: Example) -> None:
        counts = MapCounts.of(found, mask, self.protocol)
        if self.losses:
            self.losses.add(example, Counts.of_map(counts.salient, counts.background))
        for curve in self.curves.values():
            curve.add(counts)
        if not self.calibration:
            return
        pixels = self.calibration["pixels"]
        if self.protocol == "raw":  # else the counts are of stretched maps
            pixels.add(found, mask, counts.codes, np.stack([counts.background, counts.salient]))
        else:
            pixels.update(found, mask)
        self.calibration["temperature"].update(found, mask, half_of(example.name))

    def _row(self, truth: np.ndarray, found: np.ndarray) -> FMeasureCurve:
        like = next(iter(self.curves.values()))
        curve = FMeasureCurve(like.beta2, like.average, like.protocol)
        curve.update(found, truth)
        return curve

    def _resampled(self, rows: list[FMeasureCurve]) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        return FMeasureCurve.resampled(rows)

    def result(self) -> SaliencyReport:
        """Give the report of all maps so far."""
        results = {name: curve.result() for name, curve in self.curves.items()}
        further = {name: measure.result() for name, measure in self.further.items()}
        calibration = [measure.result() for measure in self.calibration.values()]
        if calibration and calibration[0] is not None:
            calibration.append(self.calibration["temperature"].tempered(BINS))
        told: dict[str, Any] = {"pictures": self.pictures, "label": self.label, "guarantee": self.guarantee}
        return SaliencyReport(results, further, *calibration, **told)


def to_logits(saliency: np.ndarray) -> np.ndarray:
    """Give the logits behind probabilities, float32 in about [-16, 16]: nearer to 0 and 1 float32 cannot tell."""
    probability = np.clip(saliency, 1e-7, 1 - 1e-7).astype(np.float64)
    logits: np.ndarray = np.log(probability) - np.log1p(-probability)
    return logits.astype(np.float32)


def scale_logits(saliency: np.ndarray, factor: float) -> np.ndarray:
    """Multiply the logits behind probabilities by a factor: polarises maps, float32, without any training."""
    if factor == 1.0:
        return np.asarray(saliency, np.float32)
    return sigmoid(np.float32(factor) * to_logits(saliency))
