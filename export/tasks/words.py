"""What the READMEs of several tasks say in the same words, and the columns of their tables."""

from collections.abc import Callable
from typing import Any

from ...trainers.metrics.catalogue import CATALOGUE
from ..card import ModelCard

Column = tuple[str, Callable[[dict[str, Any]], str]]
"""A heading, and from a file's entry in the card (or one of its `tests`) to the cell."""

PYTHON = """\
    from metricfit.app.predictor import load_predictor
    from metricfit.trainers.data.images import read_image

    predict = load_predictor({name!r})
"""

_PROGRAMS = {
    "pad": """\
    scale = {size} / max(photo.size)
    sides = [max(1, int(side * scale + 0.5)) for side in photo.size]
    small = photo.resize(sides, Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR)
    pixels = np.full((1, {size}, {size}, 3), 114, np.uint8)           # grey beside or below the picture
    pixels[0, : small.height, : small.width] = np.asarray(small)""",
    "stretch": """\
    pixels = np.asarray(photo.resize(({size}, {size}), Image.Resampling.BOX))[None]""",
}


def resizing_program(card: ModelCard) -> str:
    """Give the lines that bring `photo`, of Pillow, to `pixels`, uint8 [1, S, S, 3]."""
    return _PROGRAMS[card.resizing].format(size=card.input_size)


def resizing_sentence(card: ModelCard) -> str:
    """Say how pictures become the input, without a full stop."""
    size = card.input_size
    if card.resizing == "pad":
        return (
            f"Pictures keep their shape: the longer side becomes {size} pixels, the rest at the right or bottom is "
            "grey (114)"
        )
    return f"Pictures are stretched to {size}x{size}"


def named_classes(card: ModelCard, most: int = 20) -> str:
    """List the names of the classes, so many at most."""
    return f"{', '.join(card.class_names[:most])}{', ...' if len(card.class_names) > most else ''}"


def figure(key: str, part: str = "metrics", form: str = ".4f") -> Column:
    """Make a column of a figure of the metric catalogue, which stands in a part of an entry."""
    return CATALOGUE[key].heading, lambda entry: format(entry[part][key], form)
