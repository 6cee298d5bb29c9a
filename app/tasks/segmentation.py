"""Segmentation in predict and demo: the class of each pixel, at the picture's own size."""

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ...export.runners.base import Runner
from ...trainers.colours import class_palette
from ...trainers.errors import UsageError
from ...trainers.geometry import height_width
from ...trainers.judge.likeliest import likeliest
from ...trainers.metrics.catalogue import metrics_of
from ..reports import table
from ..results import ClassMap
from .base import AppTask, Files, MapWriter, check_range, colours

if TYPE_CHECKING:
    from ..bench.segmentation import SegmentationBench
    from ..compare.segmentation import SegmentationPresentation


class ClassWriter(MapWriter):
    """Class maps and overlays."""

    def settings(self) -> dict[str, Any]:
        """As for others, and the names of the values of the class maps."""
        return {**super().settings(), "class_names": list(self.class_names)}


class SegmentationApp(AppTask):
    """The likeliest class of each pixel, shown where its probability reaches the threshold."""

    name, target = "segmentation", "labels"
    columns = (
        "dataset_miou_present", "batch_miou_present", "image_miou_present", "class_image_miou", "worst_image_miou",
        "worst_class_image_miou", "boundary_miou", "dataset_miou", "batch_miou", "image_miou", "pixel_accuracy",
    )  # fmt: skip
    class_columns = ("iou", "image_iou", "recall", "precision", "share")
    calibration = ("pixel_ece", "temperature", "tempered_ece")
    result, writer = ClassMap, ClassWriter
    files: ClassVar[Files] = {"labels": ("labels/{}.png", "indices"), "overlay": ("overlays/{}.jpg", "classes")}

    def check(self, found: np.ndarray, runner: Runner) -> None:
        """Expect [S, S, C] within [0, 1]."""
        known = len(runner.class_names)
        shape = np.shape(found)
        height, width = height_width(runner.size)
        if len(shape) != 3 or shape[:2] != (height, width) or (known and shape[2] != known):
            raise UsageError(
                f"expected a segmentation model, whose result has shape ({height}, {width}, "
                f"{known or 'classes'}); {runner.path} gives {shape}: give one trained with 'metricfit train "
                "segmentation'"
            )
        check_range(found, runner, "segmentation model with probabilities")

    def tables(self, label: str, report: Any) -> str:
        """As `AppTask.tables`, with a further row where class maps were decided otherwise."""
        if report.decided is None:
            return super().tables(label, report)
        rows = [(f"{label}, argmax", report.scalars), (f"{label}, iou", report.decided.scalars)]
        columns = (self.columns[0], "expected_miou", *self.columns[1:])
        classes = metrics_of("iou", "decided_iou", *self.class_columns[1:])
        return "\n\n".join(
            [
                table(rows, metrics_of(*columns)),
                table([(label, report.scalars)], metrics_of(*self.calibration)),
                table(report.class_scalars.items(), classes),
            ]
        )

    def presentation(self) -> "SegmentationPresentation":
        """Give the task's part of a comparison's report."""
        from ..compare.segmentation import SegmentationPresentation

        return SegmentationPresentation()

    def bench(self) -> "SegmentationBench":
        """Give the task's benchmarks."""
        from ..bench.segmentation import SegmentationBench

        return SegmentationBench()

    def _result(self, found: np.ndarray, runner: Runner, **about: Any) -> ClassMap:
        names = tuple(runner.class_names) or tuple(f"class {index}" for index in range(found.shape[-1]))
        return ClassMap(*likeliest(found)[:2], names, colours(runner.palette or class_palette(names)), **about)
