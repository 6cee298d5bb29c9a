"""The verb `losses`: the registry as a table."""

import json
import textwrap
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from ..losses import LOSSES
from .options import LossesOptions

WIDTHS = {"name": 24, "task": 12, "optimises": 34, "hyperparameters": 34, "reference": 40}


def run(options: LossesOptions) -> int:
    """Print the registry; gives the exit code."""
    rows = [{key: getattr(entry, key) for key in WIDTHS} for entry in LOSSES.values()]
    print(json.dumps(rows, indent=2) if options.json else losses_table(rows))
    return 0


def losses_table(rows: list[dict[str, Any]]) -> str:
    """Lay the registry out in wrapped columns under their headings, a blank line between losses."""
    lines = [_line(WIDTHS)]
    for row in rows:
        cells = [textwrap.wrap(_shown(row[key]), width) for key, width in WIDTHS.items()]
        lines += ["", *map(_line, zip_longest(*cells, fillvalue=""))]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS.values())).rstrip()


def _shown(value: Any) -> str:
    return (
        ", ".join(f"{name}={default!r}" for name, default in value.items()) if isinstance(value, dict) else str(value)
    )
