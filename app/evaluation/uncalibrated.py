"""A detector whose scores are calibrated, as its network gives them: the curves undone."""

import numpy as np

from ...export.runners.base import Runner
from ...trainers.calibration.held_out import Fitted


class NetworkScores:
    """A runner with the network's own scores, as exactly as float32 had these.

    Raises:
        ValueError: the runner's scores are not calibrated.
    """

    def __init__(self, runner: Runner):
        if runner.fitted is None:
            raise ValueError(f"the scores of {runner.path} are not calibrated")
        self._runner, self._curves = runner, runner.fitted.calibration
        self.size, self.resizing, self.class_names = runner.size, runner.resizing, runner.class_names
        self.suppression = runner.suppression

    def __call__(self, images: np.ndarray) -> tuple[np.ndarray, ...]:
        """Give boxes, scores, classes and count, surest first by these scores."""
        boxes, scores, classes, count = self._runner(images)
        own = self._curves.undone(scores, classes).astype(np.float32)
        # What is no detection stays behind the detections.
        behind = np.arange(own.shape[1]) >= count[:, None]
        order = np.argsort(np.where(behind, np.inf, -own), axis=1, kind="stable")
        boxes = np.take_along_axis(boxes, order[..., None], axis=1)
        own, classes = (np.take_along_axis(part, order, axis=1) for part in (own, classes))
        return boxes, own, classes, count


def own_thresholds(runner: Runner, fitted: Fitted) -> tuple[float, ...]:
    """Give what the network's own score must reach for a box of each class to be shown."""
    levels = np.array(runner.thresholds or (runner.threshold,) * len(runner.class_names))
    return tuple(fitted.calibration.undone(levels, np.arange(len(levels))).tolist())
