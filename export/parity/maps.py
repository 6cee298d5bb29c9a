"""Maps of exported files against those of the Keras model: value by value, and in the figures of their task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...trainers.data.batches import pipeline
from ...trainers.data.example import Example, Source
from ...trainers.data.fit import unfit_scores
from ...trainers.data.images import resize_map
from ...trainers.errors import MetricfitError
from ...trainers.metrics import FMeasureCurve, Jaccard
from ..runners.runner import Runner
from .limits import LARGEST_DIFFERENCE, MEAN_DIFFERENCE, METRIC_DIFFERENCE, hold_to


class Judge(Protocol):
    """Measures the maps of one model, at the labels' own size.

    Attributes:
        main: the metrics that a quantised file must keep.
    """

    main: tuple[str, ...]

    def update(self, example: Example, found: np.ndarray) -> None:
        """Take in the map of one example, in the size of the network's input."""

    def result(self) -> tuple[dict[str, float], dict]:
        """Give metrics and thresholds as they go into the card."""


class SaliencyJudge:
    """F-measure and mean absolute error of maps [S, S] in [0, 1]; see `Judge`.

    Args:
        beta2: weight of precision against recall in the F-measure.
    """

    main = ("max_f", "mean_f", "mae")

    def __init__(self, beta2: float):
        self._curve = FMeasureCurve(beta2=beta2)

    def update(self, example: Example, found: np.ndarray) -> None:
        """Take in one map."""
        self._curve.update(resize_map(found, example.mask.shape), example.mask)

    def result(self) -> tuple[dict[str, float], dict]:
        """Give the scalars of the curve, and the best threshold with the band of nearly as good ones."""
        result = self._curve.result()
        names = (*self.main, "mean_to_max", "band_width", "polarisation")
        band = [float(value) for value in result.band]
        thresholds = {"optimal": float(result.optimal_threshold), "band": band, "per_class": []}
        return {name: float(getattr(result, name)) for name in names}, thresholds


class SegmentationJudge:
    """Intersection over union of the likeliest classes of maps [S, S, C]; see `Judge`.

    Args:
        class_names: names of the model's classes.
        resizing: how pictures became the input.
    """

    main = ("dataset_miou_present", "pixel_accuracy")

    def __init__(self, class_names, resizing: str):
        self._jaccard, self._resizing = Jaccard(class_names), resizing

    def update(self, example: Example, found: np.ndarray) -> None:
        """Take in one map."""
        scores = unfit_scores(found, example.labels.shape, self._resizing)
        self._jaccard.update(example.labels, scores.argmax(axis=-1))

    def result(self) -> tuple[dict[str, float], dict]:
        """Give the means of IoU and the accuracy; every pixel has the class of its largest score, whatever that is."""
        return self._jaccard.result().scalars, {"optimal": 0.0, "band": [0.0, 0.0], "per_class": []}


@dataclass(frozen=True)
class Measured:
    """What one model did on the validation data.

    Attributes:
        metrics: its figures at the labels' own size, by name.
        thresholds: `optimal`, `band` and `per_class`, as in a card.
        main: the metrics that a quantised file must keep.
        largest: largest difference of a value from the reference model, at the network's size.
        mean: mean absolute difference of the values from the reference model.
    """

    metrics: dict[str, float]
    thresholds: dict
    main: tuple[str, ...]
    largest: float = 0.0
    mean: float = 0.0


def compare(
    reference: Runner,
    candidates: dict[str, Runner],
    source: Source,
    judge: Callable[[], Judge],
    *,
    batch_size: int = 16,
    quiet: bool = False,
) -> tuple[Measured, dict[str, Measured]]:
    """Run a reference model and exported files over the same data.

    Args:
        reference: the Keras model.
        candidates: the exported files by name, of the same input size.
        source: examples with what the judge measures against.
        judge: makes one for each model.
        batch_size: pictures at a time.
        quiet: no progress bar.

    Returns:
        What the reference did, and what each candidate did.

    Raises:
        MetricfitError: a file gives values that are no numbers.
    """
    runners = {None: reference, **candidates}
    judges = {name: judge() for name in runners}
    largest, total, pixels = dict.fromkeys(candidates, 0.0), dict.fromkeys(candidates, 0.0), 0
    batches = pipeline.original_size_examples(
        source, reference.size, batch_size, quiet=quiet, description="comparing exported files",
        resizing=reference.resizing,
    )  # fmt: skip
    for images, examples in batches:
        maps = {name: runner(images) for name, runner in runners.items()}
        for name, found in maps.items():
            if not np.isfinite(found).all():
                raise MetricfitError(f"{runners[name].path} gives values that are no numbers on {examples[0].name}")
            for example, one in zip(examples, found):
                judges[name].update(example, one)
        for name in candidates:
            difference = np.abs(maps[name].astype(np.float64) - maps[None])
            largest[name] = max(largest[name], float(difference.max()))
            total[name] += float(difference.sum())
        pixels += maps[None].size

    def measured(name, *differences):
        return Measured(*judges[name].result(), judges[name].main, *differences)

    return measured(None), {name: measured(name, largest[name], total[name] / max(1, pixels)) for name in candidates}


def check(name: str, variant: str, reference: Measured, measured: Measured) -> dict[str, float]:
    """Hold an exported file to its tolerance.

    Float files must agree in every value; dynamic and int8 ones on average, and in the main metrics.

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
    differences = {metric: measured.metrics[metric] - reference.metrics[metric] for metric in reference.main}
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
