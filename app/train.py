"""The verb `train`: trains, then says what was made."""

import logging

from ..trainers.machine import held_back_stderr
from ..trainers.training.config import DetectionConfig, SaliencyConfig, SegmentationConfig
from .reports import DETECTION_COLUMNS, SALIENCY_COLUMNS, SEGMENTATION_COLUMNS, made, table

log = logging.getLogger("metricfit")


def train_saliency(config: SaliencyConfig) -> int:
    """Train a saliency model; gives the exit code."""
    with held_back_stderr():
        from ..trainers.tasks import saliency

    return _say(saliency.train(config), SALIENCY_COLUMNS)


def train_segmentation(config: SegmentationConfig) -> int:
    """Train a segmentation model; gives the exit code."""
    with held_back_stderr():
        from ..trainers.tasks import segmentation

    return _say(segmentation.train(config), SEGMENTATION_COLUMNS)


def train_detection(config: DetectionConfig) -> int:
    """Train a detector; gives the exit code."""
    with held_back_stderr():
        from ..trainers.tasks import detection

    return _say(detection.train(config), DETECTION_COLUMNS)


def _say(result, columns) -> int:
    if result.metrics:
        log.info("\n%s", table([("selection data", result.metrics)], columns))
        log.info("\n%s", made(result.made))
    log.info("\nwatch it:  tensorboard --logdir %s", result.folder / "tensorboard")
    return 130 if result.interrupted else 0
