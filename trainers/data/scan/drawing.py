"""What is known about one picture drawn into it: masks, class maps and boxes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..example import Example
from ..images import resize_image
from ..targets import TARGETS
from ..targets.base import Target


def drawn_targets(example: Example) -> list[Target[Any]]:
    """Give the targets that are drawn: a mask hides labels."""
    there = [target for name, target in TARGETS.items() if getattr(example, name) is not None]
    return [target for target in there if not (target.name == "labels" and example.mask is not None)]


def draw_example(example: Example, cell: int = 240, class_names: Sequence[str] = ()) -> np.ndarray:
    """Draw what is known about a picture into it, uint8 [h, w, 3] with the longer side `cell`; see `Target.draw`."""
    scale = cell / max(example.size)
    height, width = (max(1, round(side * scale)) for side in example.size)
    canvas = resize_image(example.image, (height, width)).copy()
    for target in drawn_targets(example):
        target.draw(canvas, example, class_names)
    return canvas
