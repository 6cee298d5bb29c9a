"""The files that are read from elsewhere, by kind."""

from collections.abc import Callable

from .base import Format
from .data import boxes, labels, masks, pictures
from .models import keras_models, saved_models, tflite_models
from .packed import packed
from .runs import bests, cards, checkpoints, configs, histories, metrics, runs

OPENED: dict[str, Callable[[], Format | tuple[Format, ...]]] = {
    "config": configs, "card": cards, "run": runs, "history": histories, "best": bests, "metrics": metrics,
    "keras": keras_models, "saved_model": saved_models, "tflite": tflite_models, "picture": pictures, "mask": masks,
    "classes": labels, "boxes": boxes, "checkpoint": checkpoints,
    "packed": packed,
}  # fmt: skip
"""What makes the formats of each kind."""


COUNTS = {"boxes": 6, "packed": 6}
"""How many formats a kind has, where there are several."""


def formats_of(kind: str) -> tuple[Format, ...]:
    """Give the formats of a kind."""
    made = OPENED[kind]()
    return made if isinstance(made, tuple) else (made,)
