"""The page for people beside an exported model's card."""

import json

from .card import ModelCard
from .tasks.base import Page, get_task


def readme(card: ModelCard) -> str:
    """Write a card out as Markdown.

    Args:
        card: a complete card.

    Returns:
        The page.
    """
    page = get_task(card.task).page
    parts = [
        f"# {card.name}",
        page.introduction(card),
        page.thresholds(card),
        "## Files",
        _files_table(card, page),
        f"{page.comparison(card)} Latency: one picture, {card.machine}. Operators, checksums and the exact tensors are "
        "in card.json.",
        *_tests(card, page),
        *([f"**Limits.** {card.limits}"] if card.limits else []),
        "## Use",
        "On the command line:",
        page.usage(card),
        "In Python:",
        page.python(card).rstrip(),
    ]
    tflite = [name for name, entry in card.files.items() if entry["kind"] == "tflite"]
    if tflite:
        file = next((name for name in tflite if card.files[name]["variant"] == "int8"), tflite[0])
        parts += [
            "With the TFLite runtime alone (every .tflite file holds built-in operators only):",
            page.tflite(card, file).rstrip(),
        ]
    if "saved_model" in card.files:
        parts += ["With TensorFlow alone:", page.saved_model(card).rstrip()]
    parts += [
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


def _files_table(card: ModelCard, page: Page) -> str:
    columns = (
        ("MB", lambda entry: f"{entry['bytes'] / 1e6:.2f}"),
        ("ms", lambda entry: f"{entry['latency_ms']:.1f}"),
        *page.measures,
        *page.columns,
    )
    return _table(("file",), columns, [((f"`{name}`",), entry) for name, entry in card.files.items()])


def _tests(card: ModelCard, page: Page) -> list[str]:
    """What the files achieve on further data; nothing where they were not measured on any."""
    rows = [
        ((f"`{name}`", f"`{source}`", str(test["images"])), test)
        for name, entry in card.files.items()
        for source, test in entry["tests"].items()
    ]
    if not rows:
        return []
    table = _table(("file", "data", "pictures"), page.measures, rows)
    return ["On further data, by which nothing was chosen, not the epoch and not the threshold above:", table]


def _table(headings, columns, rows) -> str:
    """A table in Markdown: rows of (first cells, entry), and columns of (heading, from an entry to the cell)."""
    headings = (*headings, *(heading for heading, _ in columns))
    lines = [(*first, *(cell(entry) for _, cell in columns)) for first, entry in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in (headings, ("---",) * len(headings), *lines))
