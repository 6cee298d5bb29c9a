"""The page for people beside an exported model's card."""

import json

from .card import ModelCard
from .task import Page, get_task


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
    headings = ("file", "MB", "ms", *(heading for heading, _ in page.columns))
    rows = [f"| {' | '.join(headings)} |", "|" + "---|" * len(headings)]
    for name, entry in card.files.items():
        cells = (f"`{name}`", f"{entry['bytes'] / 1e6:.2f}", f"{entry['latency_ms']:.1f}")
        rows.append(f"| {' | '.join((*cells, *(cell(entry) for _, cell in page.columns)))} |")
    return "\n".join(rows)
