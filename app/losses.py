"""The verb `losses`: the registry as a table."""

import json
import textwrap

from ..losses import LOSSES
from .options import LossesOptions


def run(options: LossesOptions) -> int:
    """Print the registry; gives the exit code."""
    rows = [
        {
            "name": entry.name,
            "task": entry.task,
            "optimises": entry.optimises,
            "hyperparameters": entry.hyperparameters,
            "reference": entry.reference,
        }
        for entry in LOSSES.values()
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
    else:
        print(losses_table(rows))
    return 0


WIDTHS = {"name": 24, "task": 12, "optimises": 34, "hyperparameters": 34, "reference": 40}


def losses_table(rows: list[dict]) -> str:
    """Lay the registry out in wrapped columns under their headings, a blank line between losses."""
    lines = ["  ".join(key.ljust(width) for key, width in WIDTHS.items()).rstrip()]
    for row in rows:
        cells = {key: textwrap.wrap(_shown(row[key]), width) or [""] for key, width in WIDTHS.items()}
        lines.append("")
        for index in range(max(map(len, cells.values()))):
            parts = [
                (cells[key][index] if index < len(cells[key]) else "").ljust(width) for key, width in WIDTHS.items()
            ]
            lines.append("  ".join(parts).rstrip())
    return "\n".join(lines)


def _shown(value) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name}={default!r}" for name, default in value.items())
    return str(value)
