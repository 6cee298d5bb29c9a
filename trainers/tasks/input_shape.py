"""How pictures fill the network's input: whether its shape suits theirs."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ..data.example import Source
from ..data.fit import fitted_size
from ..geometry import InputSize, Size, height_width, input_size, size_text
from ..judge.base import evenly_spread
from ..machine import workers

LOOKED_AT = 32
"""So many pictures, spread evenly over the training data, tell what shape they have."""

SPARSE = 0.7
"""An input of which pictures fill less is mostly grey."""

LONGISH = 0.1
"""Pictures whose sides differ by less, in logarithms, lie neither this way nor that."""

_MULTIPLE = 32


def shape_note(size: InputSize, resizing: str, training: Source) -> str:
    """Say what an input that is no square, or that pictures leave empty, does to them; empty where it suits them.

    Of a square that is stretched over nothing is said: all of it is used.
    """
    if isinstance(size, int) and resizing == "stretch":
        return ""
    places = evenly_spread(len(training), LOOKED_AT)
    with ThreadPoolExecutor(workers()) as pool:
        sizes = list(pool.map(lambda place: training.load(place).size, places))
    return told(size, resizing, sizes)


def told(size: InputSize, resizing: str, sizes: Sequence[Size]) -> str:
    """Say it of pictures (height, width)."""
    aspect = float(np.exp(np.median([np.log(width / height) for height, width in sizes])))
    height, width = height_width(size)
    (high, wide), typed = fitted_size((1024, max(1, round(1024 * aspect))), size), size_text(size)
    filled = high * wide / (height * width)
    across = abs(np.log(aspect)) > LONGISH and (aspect > 1) != (width > height)
    if not isinstance(size, int) and across:
        kind = "wider than high" if aspect > 1 else "higher than wide"
        return (
            f"--size {typed} is {height} high and {width} wide, and most pictures are {kind} ({aspect:.2f} times as "
            f"wide as high): --size {width}x{height} suits them"
        )
    said = "" if isinstance(size, int) else f"--size {typed}: the input is {height} high and {width} wide"
    if resizing == "pad" and filled < SPARSE:
        sides = [max(_MULTIPLE, -(-side // _MULTIPLE) * _MULTIPLE) for side in (high, wide)]
        if height * width > sides[0] * sides[1]:
            said = said or f"--size {typed}"
            other = size_text(input_size(sides))
            said += f", of which most pictures fill {filled:.0%}: --size {other} shows as much in less time"
    return said
