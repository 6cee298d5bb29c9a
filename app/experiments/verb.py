"""The verb `experiment`: what the papers show of their losses, computed anew, as figures and tables."""

import logging
from pathlib import Path

from ..options import ExperimentOptions
from ..reports import made

log = logging.getLogger("metricfit")


def run(options: ExperimentOptions) -> int:
    """Run one experiment; gives the exit code."""
    log.info("\n%s", made(experiment(options, Path(options.out))))
    return 0


def experiment(options: ExperimentOptions, folder: Path) -> list[Path]:
    """Write the figures and tables of what is asked for; gives their paths."""
    match options.what:
        case "lovasz-synthetic":
            from . import synthetic

            return synthetic.run(options, folder)
        case "surfaces":
            from . import surfaces

            return surfaces.run(options, folder)
        case "lovasz-prox":
            from . import prox

            return prox.run(options, folder)
