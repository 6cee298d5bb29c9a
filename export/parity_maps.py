"""Maps of exported files against those of the Keras model: value by value, and in MaxF, MeanF and MAE."""

from dataclasses import dataclass

import numpy as np

from ..trainers.data import pipeline
from ..trainers.data.images import resize_map
from ..trainers.data.sources import Source
from ..trainers.errors import MetricfitError
from ..trainers.metrics import FMeasureCurve, FMeasureResult
from .parity import LARGEST_DIFFERENCE, MEAN_DIFFERENCE, METRIC_DIFFERENCE, hold_to
from .runner import Runner

MAIN_METRICS = ("max_f", "mean_f", "mae")


@dataclass(frozen=True)
class Measured:
    """What one model did on the validation data.

    Attributes:
        result: its F-measure and mean absolute error, at the labels' own size.
        largest: largest difference of a saliency value from the reference model, at the network's size.
        mean: mean absolute difference of the saliency values from the reference model.
    """

    result: FMeasureResult
    largest: float = 0.0
    mean: float = 0.0

    @property
    def metrics(self) -> dict[str, float]:
        """The scalars of the result, without thresholds."""
        names = (*MAIN_METRICS, "mean_to_max", "band_width", "polarisation")
        return {name: float(getattr(self.result, name)) for name in names}

    @property
    def thresholds(self) -> dict:
        """The best threshold and the band of nearly as good ones."""
        return {
            "optimal": float(self.result.optimal_threshold),
            "band": [float(value) for value in self.result.band],
            "per_class": [],
        }


def compare(
    reference: Runner,
    candidates: dict[str, Runner],
    source: Source,
    *,
    beta2: float = 0.3,
    batch_size: int = 16,
    quiet: bool = False,
) -> tuple[Measured, dict[str, Measured]]:
    """Run a reference model and exported files over the same data.

    Args:
        reference: the Keras model.
        candidates: the exported files by name, of the same input size.
        source: examples with masks.
        beta2: weight of precision against recall in the F-measure.
        batch_size: pictures at a time.
        quiet: no progress bar.

    Returns:
        What the reference did, and what each candidate did.

    Raises:
        MetricfitError: a file gives values that are no numbers.
    """
    runners = {None: reference, **candidates}
    curves = {name: FMeasureCurve(beta2=beta2) for name in runners}
    largest, total, pixels = dict.fromkeys(candidates, 0.0), dict.fromkeys(candidates, 0.0), 0
    batches = pipeline.original_size_examples(
        source, reference.size, batch_size, quiet=quiet, description="comparing exported files"
    )
    for images, examples in batches:
        maps = {name: runner(images) for name, runner in runners.items()}
        for name, found in maps.items():
            if not np.isfinite(found).all():
                raise MetricfitError(f"{runners[name].path} gives values that are no numbers on {examples[0].name}")
            for example, saliency in zip(examples, found):
                curves[name].update(resize_map(saliency, example.mask.shape), example.mask)
        for name in candidates:
            difference = np.abs(maps[name].astype(np.float64) - maps[None])
            largest[name] = max(largest[name], float(difference.max()))
            total[name] += float(difference.sum())
        pixels += maps[None].size
    measured = {
        name: Measured(curves[name].result(), largest[name], total[name] / max(1, pixels)) for name in candidates
    }
    return Measured(curves[None].result()), measured


def check(name: str, variant: str, reference: Measured, measured: Measured) -> dict[str, float]:
    """Hold an exported file to its tolerance.

    Float files must agree in every value; dynamic and int8 ones on average, and in MaxF, MeanF and MAE.

    Args:
        name: the file, for the error.
        variant: `saved_model` or a quantisation of TFLite.
        reference: what the Keras model did.
        measured: what the file did on the same data.

    Returns:
        The differences, for the card.

    Raises:
        MetricfitError: a difference is too large.
    """
    found, wanted = measured.result, reference.result
    differences = {metric: getattr(found, metric) - getattr(wanted, metric) for metric in MAIN_METRICS}
    if variant in LARGEST_DIFFERENCE:
        limits = {"largest difference": (measured.largest, LARGEST_DIFFERENCE[variant])}
    else:
        limits = {"mean difference": (measured.mean, MEAN_DIFFERENCE)}
        limits |= {f"difference in {metric}": (abs(value), METRIC_DIFFERENCE) for metric, value in differences.items()}
    hold_to(name, variant, limits)
    return {
        "largest_difference": measured.largest,
        "mean_difference": measured.mean,
        **{f"{metric}_difference": value for metric, value in differences.items()},
    }
