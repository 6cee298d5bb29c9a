"""How much of a figure is the choice of the pictures: its standard error, by a jackknife over blocks of them."""

import bisect
import copy
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from ..data.example import Example
from ..errors import MetricfitError
from .base import Judge, Report

BLOCKS = 20  # pictures in a row are often alike, as frames of a video: blocks leave them out together
FEW = 100  # pictures: the error of more matters less, and takes long
_WIDE = (12.7, 4.3, 3.2, 2.8, 2.6, 2.5, 2.4, 2.3, 2.3)  # Student's t of 95 %, by degrees of freedom from 1

ReportT = TypeVar("ReportT", bound=Report)


def judged_in_blocks(
    pairs: Iterable[tuple[Example, Any]],
    make: Callable[[int], Judge[Any, ReportT]],
    examples: int,
    figure: str,
    blocks: int = BLOCKS,
) -> tuple[ReportT, float]:
    """Judge examples with what was found in them; gives the report, and the standard error of one of its scalars.

    Args:
        pairs: of all the `examples`, in order.
        make: makes the judge of a part of them, from the place of its first.
        figure: the scalar.
        blocks: how often the figure is computed with a block of the pictures left out; the error is NaN where that
            gives it fewer than twice.
    """
    starts = sorted({examples * block // blocks for block in range(blocks)})
    parts = [make(start) for start in starts]
    for place, (example, found) in enumerate(pairs):
        parts[bisect.bisect(starts, place) - 1].update(example, found)
    return of_blocks(parts, figure)


def judged_block(
    pairs: Callable[[range], Iterable[tuple[Example, Any]]],
    make: Callable[[int], Judge[Any, ReportT]],
    examples: int,
    blocks: int,
    block: int,
) -> Judge[Any, ReportT]:
    """Judge one block of so many of the examples, which `pairs` gives by their places."""
    start, end = examples * block // blocks, examples * (block + 1) // blocks
    judge = make(start)
    for example, found in pairs(range(start, end)) if end > start else ():
        judge.update(example, found)
    return judge


def of_blocks(parts: Sequence[Judge[Any, ReportT]], figure: str) -> tuple[ReportT, float]:
    """Give the report of judges of all blocks, and the standard error of one of its scalars over these."""
    parts = list(parts)
    whole = merged(parts).result()
    found = type(parts[0]).without_each(parts, figure) if len(parts) > 1 else np.zeros(0)
    if found is None:
        found = np.array([_figure(parts[:left] + parts[left + 1 :], figure) for left in range(len(parts))])
    values = found[np.isfinite(found)]
    if len(values) < 2:
        return whole, math.nan
    return whole, float(np.sqrt((len(values) - 1) * np.var(values)))


def merged(parts: Sequence[Judge[Any, ReportT]]) -> Judge[Any, ReportT]:
    """Merge judges of parts of a data set into one, and leave them as they are."""
    first = parts[0]
    # The pictures are large, and nobody changes them.
    whole = copy.deepcopy(first, {id(first._pictures): dict(first._pictures)})
    for other in parts[1:]:
        whole.merge(other)
    return whole


def _figure(parts: Sequence[Judge[Any, Any]], name: str) -> float:
    try:
        return merged(parts).scalar(name) if parts else math.nan
    except (MetricfitError, KeyError):  # what is left has nothing to measure
        return math.nan


def interval(value: float, error: float, pictures: int) -> tuple[float, float]:
    """Give where a figure between 0 and 1 lies with 95 % over sets of so many pictures, by its standard error."""
    freedom = max(1, min(pictures, BLOCKS) - 1)
    width = error * (_WIDE[freedom - 1] if freedom <= len(_WIDE) else 2.0)
    return max(0.0, value - width), min(1.0, value + width)
