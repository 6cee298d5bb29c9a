"""The verb `losses`: the registry as a table, or when to take which loss of a task."""

import json
import textwrap
from collections.abc import Iterable
from itertools import zip_longest
from typing import Any

from ..losses import LOSSES
from .options import LossesOptions
from .reports import terminal_width

WIDTHS = {"name": 24, "task": 12, "optimises": 34, "hyperparameters": 34, "reference": 40}
NARROW = 120  # below that many columns of a terminal the texts would be wrapped after every word


def run(options: LossesOptions) -> int:
    """Print the registry, or the choice for a task; gives the exit code."""
    if options.task:
        choice = {name: entry.when[options.task] for name, entry in LOSSES.items() if options.task in entry.when}
        print(json.dumps(choice, indent=2) if options.json else choice_of_losses(choice))
        return 0
    rows = [{key: getattr(entry, key) for key in WIDTHS} for entry in LOSSES.values()]
    print(json.dumps(rows, indent=2) if options.json else losses_table(rows))
    return 0


def choice_of_losses(choice: dict[str, str]) -> str:
    """Write name and case of each loss in a line, which a narrow terminal wraps."""
    width = max(map(len, choice))
    room = max(terminal_width() or 1000, width + 30)
    lines = [("take", "when"), *choice.items()]
    return "\n".join(
        textwrap.fill(f"{name.ljust(width)}  {case}", room, subsequent_indent=" " * (width + 2)) for name, case in lines
    )


def losses_table(rows: list[dict[str, Any]]) -> str:
    """Lay the registry out in wrapped columns under their headings, in a narrow terminal one below the other."""
    room, total = terminal_width(), sum(WIDTHS.values()) + 2 * (len(WIDTHS) - 1)
    if room and room < NARROW:
        return "\n\n".join(_record(row, room) for row in rows)
    wide = ("optimises", "hyperparameters", "reference")
    less = -(-max(0, total - (room or total)) // len(wide))
    widths = {key: width - less * (key in wide) for key, width in WIDTHS.items()}
    lines = [_line(widths, widths.values())]
    for row in rows:
        cells = [textwrap.wrap(_shown(row[key]), width) for key, width in widths.items()]
        lines += ["", *(_line(line, widths.values()) for line in zip_longest(*cells, fillvalue=""))]
    return "\n".join(lines)


def _line(cells: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip()


def _record(row: dict[str, Any], room: int) -> str:
    texts = (f"{key}: {shown}" for key in list(WIDTHS)[1:] if (shown := _shown(row[key])))
    lines = (textwrap.fill(text, room, initial_indent="  ", subsequent_indent="    ") for text in texts)
    return "\n".join([row["name"], *lines])


def _shown(value: Any) -> str:
    return (
        ", ".join(f"{name}={default!r}" for name, default in value.items()) if isinstance(value, dict) else str(value)
    )
