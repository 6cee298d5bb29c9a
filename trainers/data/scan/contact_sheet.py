"""A page of pictures with their masks and boxes drawn in, to look at data before training on them."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from ...colours import class_colours
from ...errors import DataError, UsageError
from ...files import written_beside
from ...progress import progress
from ..example import NEEDS, Source
from ..targets import TARGETS
from ..targets.labels import LabelTarget
from .drawing import draw_example, drawn_targets
from .scanner import load_checked

_CELL = 240
_LEGEND_ENTRIES = 36
_MOST_TAGS = 6  # more names at the boxes of one picture would hide them
_EVERYTHING = "salient pixels or classes tinted, ignored hatched in grey"
_INK, _FAULT, _PAPER = "#26262b", "#b3261e", "#f4f4f2"


@dataclass(frozen=True)
class ContactSheet:
    """What was drawn: the file, how many examples are on it, and (name, sentence) for those that cannot be used."""

    path: Path
    shown: int
    faults: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Tile:
    """One cell of the page: a drawing, or what is at fault; `boxes` as (x, y, class) in pixels of the drawing."""

    name: str
    facts: str
    drawn: np.ndarray | None = None
    fault: str = ""
    classes: set[int] = field(default_factory=set)
    boxes: list[tuple[float, float, int]] = field(default_factory=list)


def _shortened(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length // 2 - 1]}…{name[-(length - length // 2) :]}"


def _class_name(class_names: Sequence[str], index: int, length: int) -> str:
    return _shortened(class_names[index] if index < len(class_names) else f"class {index}", length)


def _tile(source: Source, index: int, needs: str) -> _Tile:
    name = _shortened(source.names[index], 30)
    try:
        example = load_checked(source, index, needs)
    except DataError as error:
        return _Tile(name, "cannot be used", fault=str(error))
    classes: set[int] = set()
    boxes: list[tuple[float, float, int]] = []
    height, width = example.size
    if example.labels is not None and example.mask is None:
        classes = LabelTarget().seen(example, source.class_names)
    elif example.boxes is not None and example.classes is not None:
        scale = _CELL / max(height, width)
        boxes = [(x * scale, y * scale, int(c)) for (x, y, *_), c in zip(example.boxes, example.classes)]
    there = chain(*(target.caption(example, source.class_names) for target in drawn_targets(example)))
    drawn = draw_example(example, _CELL, source.class_names)
    return _Tile(name, ", ".join([f"{width}x{height}", *there]), drawn, classes=classes, boxes=boxes)


def contact_sheet(
    source: Source,
    path: str | Path,
    *,
    needs: str = "",
    count: int = 24,
    columns: int = 6,
    title: str = "",
    quiet: bool = True,
) -> ContactSheet:
    """Draw examples spread evenly over a source onto one page; what is drawn in is one of `NEEDS`, or all if empty."""
    from matplotlib.figure import Figure

    path = Path(path)
    if needs and needs not in NEEDS:
        raise UsageError(f"a contact sheet shows {', '.join(NEEDS)}; got needs={needs!r}")
    if count < 1 or columns < 1 or not len(source):
        raise UsageError(
            f"a contact sheet needs at least 1 example, count and column; got {len(source)} examples, "
            f"count={count}, columns={columns}"
        )
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"a contact sheet is written as .png or .jpg; got {path.name}")
    indices = np.unique(np.linspace(0, len(source) - 1, min(count, len(source))).round().astype(int))
    shown = progress(indices, desc="contact sheet", unit="image", quiet=quiet, leave=False)
    tiles = [_tile(source, int(index), needs) for index in shown]
    if any(len(tile.boxes) > _MOST_TAGS for tile in tiles):
        tiles = [replace(tile, classes=tile.classes | {index for *_, index in tile.boxes}, boxes=[]) for tile in tiles]
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    legend = _legend(tiles, source.class_names)
    legend_columns = max(1, round(columns * 1.5))
    legend_inches = 0.2 * -(-len(legend) // legend_columns)
    inches = rows * 2.3 + 0.75 + legend_inches
    figure = Figure(figsize=(max(columns, 2) * 2.1, inches), dpi=120, facecolor=_PAPER)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    bottom, top = (0.36 + legend_inches) / inches, 1 - 0.62 / inches
    figure.subplots_adjust(left=0.012, right=0.988, bottom=bottom, top=top, wspace=0.05, hspace=0.2)
    heading = _shortened(title or source.name, max(columns, 2) * 20)
    figure.text(0.014, 1 - 0.16 / inches, heading, fontsize=12, weight="bold", color=_INK, va="top", parse_math=False)
    figure.text(0.014, 1 - 0.38 / inches, _explained(tiles, len(source), needs), fontsize=7.5, color=_INK, va="top")
    if legend:
        figure.legend(
            handles=legend, loc="lower left", ncols=legend_columns, fontsize=7.5, frameon=False, borderaxespad=0.3
        )
    for cell in axes:
        cell.set_axis_off()
    for cell, tile in zip(axes, tiles):
        _draw_cell(cell, tile, source.class_names)
    with written_beside(path) as beside:
        figure.savefig(beside, facecolor=_PAPER)
    faults = tuple((source.names[index], tile.fault) for index, tile in zip(indices, tiles) if tile.fault)
    return ContactSheet(path, len(tiles), faults)


def _explained(tiles: list[_Tile], total: int, needs: str) -> str:
    drawn = f"; {TARGETS[needs].drawn}" if needs in TARGETS else "" if needs else f"; {_EVERYTHING}"
    unusable = sum(bool(tile.fault) for tile in tiles)
    return f"{len(tiles)} of {total} examples{drawn}" + (f"; {unusable} cannot be used" if unusable else "")


def _legend(tiles: list[_Tile], class_names: Sequence[str]) -> list[Any]:
    """Make a patch for each class on the page that is not named in the picture itself."""
    from matplotlib.patches import Patch

    present = sorted(set().union(*(tile.classes for tile in tiles)))
    colours = class_colours(256) / 255
    shown = present[:_LEGEND_ENTRIES]
    patches = [Patch(color=colours[index], label=_class_name(class_names, index, 24)) for index in shown]
    if len(present) > _LEGEND_ENTRIES:
        patches.append(Patch(alpha=0, label=f"and {len(present) - _LEGEND_ENTRIES} more"))
    return patches


def _draw_cell(cell: Any, tile: _Tile, class_names: Sequence[str]) -> None:
    from matplotlib.patches import Rectangle

    write = partial(cell.text, parse_math=False)
    cell.set_aspect("equal")
    if tile.drawn is None:
        cell.add_patch(Rectangle((0, 0), _CELL, _CELL, facecolor="#e6e1e0", edgecolor=_FAULT, linewidth=0.8))
        fault = textwrap.fill(tile.fault, 34, max_lines=9)
        write(_CELL / 2, _CELL / 2, fault, fontsize=5.5, color=_FAULT, ha="center", va="center")
    else:
        height, width = tile.drawn.shape[:2]
        left, above = (_CELL - width) / 2, (_CELL - height) / 2
        cell.imshow(tile.drawn, extent=(left, left + width, above + height, above), interpolation="lanczos")
        colours = class_colours(1 + max((index for *_, index in tile.boxes), default=0)) / 255
        for x, y, index in tile.boxes:
            name, frame = _class_name(class_names, index, 20), {"facecolor": colours[index] * 0.7, "edgecolor": "none"}
            place = left + max(x, 0) + 4, above + max(y, 0) + 4
            write(*place, name, fontsize=5.5, color="white", va="top", bbox=frame | {"pad": 1.2})
    cell.set_xlim(0, _CELL)
    cell.set_ylim(_CELL, 0)
    colour, text = _FAULT if tile.fault else _INK, f"{tile.name}\n{tile.facts}"
    write(_CELL / 2, _CELL + 5, text, fontsize=6.5, color=colour, ha="center", va="top", linespacing=1.25)
