"""Models that ship with the project, each in a folder with its card."""

from pathlib import Path


def shipped_models() -> dict[str, Path]:
    """Give the folders of the models that ship with the program by their names, in the names' order."""
    cards = [card for root in __path__ for card in Path(root).glob("*/card.json")]
    return dict(sorted((card.parent.name, card.parent) for card in cards))
