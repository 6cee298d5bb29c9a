"""What an export gives back."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .card import CARD_NAME, ModelCard


@dataclass(frozen=True)
class ExportResult:
    """An exported model.

    Attributes:
        folder: where it is.
        card: what it is and achieves.
    """

    folder: Path
    card: ModelCard

    @property
    def files(self) -> dict[str, Path]:
        """The exported files and folders by name."""
        return {name: self.folder / name for name in self.card.files}

    @property
    def made(self) -> list[Path]:
        """Everything that was written: the card, the README and the exported files."""
        return [self.folder / CARD_NAME, self.folder / "README.md", *self.files.values()]

    @property
    def scalars(self) -> dict[str, dict[str, float]]:
        """By file its `megabytes`, `latency_ms`, figures on the validation data, and differences to the Keras model."""
        return {
            name: {"megabytes": entry["bytes"] / 1e6, "latency_ms": entry["latency_ms"]}
            | entry["metrics"]
            | entry["parity"]
            for name, entry in self.card.files.items()
        }

    def to_dict(self) -> dict[str, Any]:
        """Give the card as JSON-able data, as card.json holds it."""
        return self.card.to_dict()
