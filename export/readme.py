"""The page for people beside an exported model's card."""

import json
from collections.abc import Iterable
from typing import Any

from .card import ModelCard
from .formats.registry import by_rank
from .tasks import get_task
from .tasks.base import ExportTask
from .tasks.words import Column


def readme(card: ModelCard) -> str:
    """Write a complete card out as Markdown."""
    task = get_task(card.task)
    parts = [
        f"# {card.name}",
        task.introduction(card),
        task.thresholds(card),
        "## Files",
        _files_table(card, task),
        f"{task.comparison(card)} Latency: one picture, {card.machine}. Operators, checksums and the exact tensors are "
        "in card.json.",
        *_tests(card, task),
        *([f"**Limits.** {card.limits}"] if card.limits else []),
        "## Use",
        "On the command line:",
        task.usage(card),
        "In Python:",
        task.python(card).rstrip(),
        *_programs(card, task),
        "## Data",
        f"- Training: {card.data.get('training', '')}, {card.data.get('training_images', 0)} pictures\n"
        f"- Validation: {card.data.get('validation', '')}, {card.data.get('validation_images', 0)} pictures\n"
        f"- Terms: {card.data_terms}",
        "## How it was made",
        "\n".join("    " + line for line in card.command),
        "Settings:",
        "\n".join("    " + line for line in json.dumps(card.config, indent=2).splitlines()),
        "Versions: " + ", ".join(f"{name} {version}" for name, version in card.versions.items()) + ".",
    ]
    return "\n\n".join(parts) + "\n"


def _programs(card: ModelCard, task: ExportTask) -> list[str]:
    """How the files run without this package: a program for each kind of file, with the one that is opened first."""
    programs: dict[str, list[str]] = {}
    for known, variant in by_rank():
        if variant.file in card.files and known.kind in task.programs:
            program = task.programs[known.kind](card, variant.file)
            programs.setdefault(known.kind, [known.heading, program.rstrip()])
    return [part for parts in programs.values() for part in parts]


def _files_table(card: ModelCard, task: ExportTask) -> str:
    columns = (
        ("MB", lambda entry: f"{entry['bytes'] / 1e6:.2f}"),
        ("ms", lambda entry: f"{entry['latency_ms']:.1f}"),
        *task.measures,
        *task.agreements,
    )
    return _table(("file",), columns, [((f"`{name}`",), entry) for name, entry in card.files.items()])


def _tests(card: ModelCard, task: ExportTask) -> list[str]:
    """What the files achieve on further data; nothing where they were not measured on any."""
    rows = [
        ((f"`{name}`", f"`{source}`", str(test["images"])), test)
        for name, entry in card.files.items()
        for source, test in entry["tests"].items()
    ]
    if not rows:
        return []
    table = _table(("file", "data", "pictures"), task.measures, rows)
    return ["On further data, by which nothing was chosen, not the epoch and not the threshold above:", table]


def _table(
    headings: tuple[str, ...], columns: Iterable[Column], rows: Iterable[tuple[tuple[str, ...], dict[str, Any]]]
) -> str:
    """A table in Markdown: rows of (first cells, entry)."""
    columns = tuple(columns)
    headings = (*headings, *(heading for heading, _ in columns))
    lines = [(*first, *(cell(entry) for _, cell in columns)) for first, entry in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in (headings, ("---",) * len(headings), *lines))
