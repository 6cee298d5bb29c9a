"""The verb `experiment`: what the papers show of their losses, computed anew, as figures and tables."""

import importlib
import logging
from pathlib import Path

from ..options import ExperimentOptions
from ..reports import made

log = logging.getLogger("metricfit")

# What can be shown, by which "module:function"; the function takes the options, and gives the paths of what it made.
EXPERIMENTS = {
    "lovasz-synthetic": "synthetic:run",
    "surfaces": "surfaces:run",
    "lovasz-prox": "prox:run",
}


def run(options: ExperimentOptions) -> int:
    """Run one experiment; gives the exit code."""
    module, function = EXPERIMENTS[options.what].split(":")
    folder = Path(options.out)
    log.info("\n%s", made(getattr(importlib.import_module(f"{__package__}.{module}"), function)(options, folder)))
    return 0
