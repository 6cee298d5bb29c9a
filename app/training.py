"""The verb `train`: trains, then says what was made."""

import logging

from ..trainers import saliency
from ..trainers.config import SaliencyConfig
from .reports import made, table

log = logging.getLogger("metricfit")


def train_saliency(config: SaliencyConfig) -> int:
    """Train a saliency model; gives the exit code."""
    result = saliency.train(config)
    if result.metrics:
        log.info("\n%s", table([("selection data", result.metrics)]))
        log.info("\n%s", made(result.made))
    log.info("\nwatch it:  tensorboard --logdir %s", result.folder / "tensorboard")
    return 130 if result.interrupted else 0
