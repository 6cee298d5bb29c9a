"""AP, oLRP and their company of a detector, measured after each epoch and put among its logs."""

from collections.abc import Callable
from pathlib import Path

from ...figures import boxes as figures_detection
from .epoch_report import EpochReport


class DetectionMetrics(EpochReport):
    """Logs `val_ap`, `val_olrp` and so on, see `EpochReport`.

    Precision over recall, and F1 and LRP over the threshold, are drawn for TensorBoard.

    Args:
        evaluate: from the model to a report with `scalars` (a dict), `coco` and `lrp`, such as `DetectionReport`.
        log_dir: TensorBoard folder of the run; the pictures go to its subfolder `curves`.
        label: name of the curves in the legend.

    Attributes:
        report: the latest report; None before the first.
    """

    def __init__(self, evaluate: Callable, log_dir, label: str = "validation"):
        super().__init__(evaluate, Path(log_dir) / "curves", self._curves)
        self.label = label

    def _curves(self, report, title: str) -> dict:
        return {
            "precision_over_recall": figures_detection.precision_recall_figure(report.coco, title=title),
            "f1_over_threshold": figures_detection.confidence_figure({self.label: report.lrp}, title=title),
        }
