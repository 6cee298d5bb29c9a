"""The verb `train`: trains, then says what was made."""

import logging

from .. import trainers
from ..trainers.metrics.catalogue import metrics_of
from ..trainers.training.config import CONFIGS, RunConfig
from .reports import DETECTION, SALIENCY, SEGMENTATION, made, table

log = logging.getLogger("metricfit")


COLUMNS = {"saliency": SALIENCY, "segmentation": SEGMENTATION, "detection": DETECTION}


def run(config: RunConfig) -> int:
    """Train what the configuration is of; gives the exit code."""
    (name,) = (name for name, config_class in CONFIGS.items() if isinstance(config, config_class))
    result = getattr(trainers, name).train(config)
    if result.metrics:
        log.info("\n%s", table([("selection data", result.metrics)], metrics_of(*COLUMNS[name])))
        log.info("\n%s", made(result.made))
    log.info("\nwatch it:  tensorboard --logdir %s", result.folder / "tensorboard")
    return 130 if result.interrupted else 0
