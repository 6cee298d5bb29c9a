"""The verb `experiment`: what the papers show of their losses, computed anew, as figures and tables."""

from collections.abc import Callable
from pathlib import Path

from ..options import ExperimentOptions
from ..reports import made, say


def run(options: ExperimentOptions) -> int:
    """Write the figures and tables of one experiment; gives the exit code."""
    write: Callable[[ExperimentOptions, Path], list[Path]]
    match options.what:
        case "lovasz-synthetic":
            from .synthetic import run as write
        case "surfaces":
            from .surfaces import run as write
        case "lovasz-prox":
            from .prox import run as write
    say("\n%s", made(write(options, Path(options.out))))
    return 0
