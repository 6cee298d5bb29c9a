"""The verb `train`: trains, then says what was made."""

import logging

from ..trainers.metrics.catalogue import metrics_of
from ..trainers.tasks import get_task, task_of
from ..trainers.training.config import RunConfig
from .reports import made, say, table
from .tasks import TASKS

log = logging.getLogger("metricfit")


def run(config: RunConfig) -> int:
    """Train what the configuration is of; gives the exit code."""
    name = task_of(config)
    result = get_task(name).train(config)
    if result.scalars:
        say("\n%s", table([("selection data", result.scalars)], metrics_of(*TASKS[name].columns)))
        say("\n%s", made(result.made))
    log.info("\nwatch it:  tensorboard --logdir %s", result.folder / "tensorboard")
    return 130 if result.interrupted else 0
