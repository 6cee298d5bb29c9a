"""Saliency in predict and demo: a map in the picture's own size."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...export.runners.base import Runner
from ...trainers.errors import UsageError
from ...trainers.geometry import height_width
from ..results import SaliencyMap
from .base import AppTask, Files, MapWriter, check_range

if TYPE_CHECKING:
    from ..bench.saliency import SaliencyBench
    from ..compare.saliency import SaliencyPresentation


class SaliencyApp(AppTask):
    """One map, cut at one threshold."""

    name, target = "saliency", "mask"
    result, writer = SaliencyMap, MapWriter
    columns = (
        "max_f", "mean_f", "mae", "mean_to_max", "optimal_threshold", "band_low", "band_high", "polarisation",
    )  # fmt: skip
    calibration = ("pixel_ece", "temperature", "tempered_ece")
    files: ClassVar[Files] = {
        "mask": ("masks/{}.png", "mask"),
        "saliency": ("saliency/{}.png", "saliency"),
        "cutout": ("cutouts/{}.png", "cutout"),
        "overlay": ("overlays/{}.jpg", "overlay"),
    }

    def check(self, found: np.ndarray, runner: Runner) -> None:
        """Expect [S, S] within [0, 1]."""
        expected = height_width(runner.size)
        if np.shape(found) != expected:
            raise UsageError(
                f"expected a saliency model, whose result has shape {expected}; {runner.path} gives {np.shape(found)}: "
                "give one trained with 'metricfit train saliency'"
            )
        check_range(found, runner, "saliency model with results from 0 to 1")

    def presentation(self) -> "SaliencyPresentation":
        """Give the task's part of a comparison's report."""
        from ..compare.saliency import SaliencyPresentation

        return SaliencyPresentation()

    def bench(self) -> "SaliencyBench":
        """Give the task's benchmarks."""
        from ..bench.saliency import SaliencyBench

        return SaliencyBench()

    def _result(self, found: np.ndarray, runner: Runner, **about: Any) -> SaliencyMap:
        return SaliencyMap(found, **about)
