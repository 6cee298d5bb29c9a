"""A page of pictures with their masks and boxes drawn in, to look at data before training on them."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..errors import DataError, UsageError
from ..files import written_beside
from .images import resize_image, resize_mask
from .sources import IGNORE, Example, Source

TINT = (255, 64, 96)
"""Colour of the salient region, and of the first class."""

_OUTLINE = (255, 255, 255)
_CELL = 240
_INK, _FAULT, _PAPER = "#26262b", "#b3261e", "#f4f4f2"


def class_colours(count: int) -> np.ndarray:
    """Give colours that are easy to tell apart.

    Returns:
        uint8 [count, 3], RGB.
    """
    from matplotlib.colors import hsv_to_rgb

    # Steps of the golden ratio keep neighbouring classes apart, however many there are.
    hues = (0.97 + 0.618034 * np.arange(count)) % 1.0
    values = np.where(np.arange(count) % 2 == 0, 1.0, 0.8)
    return np.round(hsv_to_rgb(np.stack([hues, np.full(count, 0.75), values], axis=1)) * 255).astype(np.uint8)


def draw_example(example: Example, cell: int = _CELL) -> np.ndarray:
    """Draw what is known about a picture into it.

    The salient region is tinted and outlined in white, classes are tinted by colour, ignored pixels are hatched in grey
    and boxes are framed.

    Args:
        example: Any example.
        cell: The longer side of the drawing, in pixels.

    Returns:
        uint8 [h, w, 3], RGB.
    """
    import cv2

    scale = cell / max(example.image.shape[:2])
    height, width = (max(1, round(side * scale)) for side in example.image.shape[:2])
    canvas = resize_image(example.image, (height, width)).copy()
    regions = example.mask if example.mask is not None else example.labels
    if regions is not None:
        regions = resize_mask(regions, (height, width))
        if example.mask is not None:
            salient = (regions == 1).astype(np.uint8)
            _tint(canvas, salient == 1, np.array(TINT), 0.45)
            outlines, _ = cv2.findContours(salient, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(canvas, outlines, -1, _OUTLINE, 1, cv2.LINE_AA)
        else:
            _tint(canvas, regions != IGNORE, class_colours(256)[regions], 0.5)
        ignored = regions == IGNORE
        _tint(canvas, ignored, np.full(3, 128), 0.75)
        diagonals = (np.add.outer(np.arange(height), np.arange(width)) % 8) < 2
        canvas[ignored & diagonals] = 225
    if example.boxes is not None:
        colours = class_colours(1 + int(max(example.classes, default=0))) if example.classes is not None else [TINT]
        for index, box in enumerate(example.boxes):
            colour = colours[int(example.classes[index])] if example.classes is not None else TINT
            x0, y0, x1, y1 = (round(float(side) * scale) for side in box)
            cv2.rectangle(canvas, (x0, y0), (x1 - 1, y1 - 1), _OUTLINE, 3)
            cv2.rectangle(canvas, (x0, y0), (x1 - 1, y1 - 1), tuple(int(part) for part in colour), 2)
    return canvas


def _tint(canvas: np.ndarray, where: np.ndarray, colour: np.ndarray, strength: float) -> None:
    colour = np.broadcast_to(colour, canvas.shape)
    canvas[where] = np.round((1 - strength) * canvas[where] + strength * colour[where]).astype(np.uint8)


def _caption(example: Example) -> str:
    height, width = example.image.shape[:2]
    facts = [f"{width}x{height}"]
    if example.mask is not None:
        counted = max(1, int((example.mask != IGNORE).sum()))
        facts.append(f"{(example.mask == 1).sum() / counted:.0%} salient")
    elif example.labels is not None:
        facts.append(f"{len(np.setdiff1d(np.unique(example.labels), [IGNORE]))} classes")
    if example.boxes is not None:
        facts.append(f"{len(example.boxes)} box{'' if len(example.boxes) == 1 else 'es'}")
    return ", ".join(facts)


def _shortened(name: str, length: int) -> str:
    return name if len(name) <= length else f"{name[: length // 2 - 1]}…{name[-(length - length // 2) :]}"


def contact_sheet(
    source: Source, path: str | Path, *, count: int = 24, columns: int = 6, title: str = "", quiet: bool = True
) -> Path:
    """Draw examples spread evenly over a source onto one page.

    An example that cannot be loaded gets a cell that says why.

    Args:
        source: Any source.
        path: The picture to write, .png or .jpg; its folder is made.
        count: The number of examples, at most all.
        columns: The number of cells in a row.
        title: The heading; the name of the source when empty.
        quiet: Show no progress bar.

    Returns:
        The path written.

    Raises:
        UsageError: If the source is empty, or a number is below 1, or the file's ending is another one.
    """
    from matplotlib.figure import Figure

    path = Path(path)
    if count < 1 or columns < 1 or not len(source):
        raise UsageError(
            f"a contact sheet needs at least 1 example, count and column; got {len(source)} examples, "
            f"count={count}, columns={columns}"
        )
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        raise UsageError(f"a contact sheet is written as .png or .jpg; got {path.name}")
    indices = np.unique(np.linspace(0, len(source) - 1, min(count, len(source))).round().astype(int))
    columns = min(columns, len(indices))
    rows = -(-len(indices) // columns)
    figure = Figure(figsize=(columns * 2.1, rows * 2.3 + 0.75), dpi=120, facecolor=_PAPER)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    inches = figure.get_figheight()
    figure.subplots_adjust(
        left=0.012, right=0.988, bottom=0.36 / inches, top=1 - 0.62 / inches, wspace=0.05, hspace=0.2
    )
    figure.text(
        0.014,
        1 - 0.16 / inches,
        title or source.name,
        fontsize=12,
        weight="bold",
        color=_INK,
        va="top",
        parse_math=False,
    )
    explained = f"{len(indices)} of {len(source)} examples; salient pixels or classes tinted, ignored hatched in grey"
    figure.text(0.014, 1 - 0.38 / inches, explained, fontsize=7.5, color=_INK, va="top")
    for cell in axes:
        cell.set_axis_off()
    for cell, index in zip(axes, tqdm(indices, desc="contact sheet", unit="image", disable=quiet or None, leave=False)):
        _draw_cell(cell, source, int(index))
    with written_beside(path) as beside:
        figure.savefig(beside, facecolor=_PAPER)
    return path


def _draw_cell(cell, source: Source, index: int) -> None:
    import textwrap

    cell.set_aspect("equal")
    cell.set_xlim(0, _CELL)
    cell.set_ylim(_CELL, 0)
    name, colour = _shortened(source.names[index], 30), _INK
    try:
        example = source.load(index)
    except DataError as error:
        colour, facts = _FAULT, "cannot be used"
        cell.add_patch(_grey_square())
        cell.text(
            _CELL / 2,
            _CELL / 2,
            textwrap.fill(str(error), 34, max_lines=9),
            fontsize=5.5,
            color=_FAULT,
            ha="center",
            va="center",
            parse_math=False,
        )
    else:
        drawn = draw_example(example)
        height, width = drawn.shape[:2]
        left, above = (_CELL - width) / 2, (_CELL - height) / 2
        cell.imshow(drawn, extent=(left, left + width, above + height, above), interpolation="lanczos")
        cell.set_xlim(0, _CELL)
        cell.set_ylim(_CELL, 0)
        facts = _caption(example)
    cell.text(
        _CELL / 2,
        _CELL + 5,
        f"{name}\n{facts}",
        fontsize=6.5,
        color=colour,
        ha="center",
        va="top",
        linespacing=1.25,
        parse_math=False,
    )


def _grey_square():
    from matplotlib.patches import Rectangle

    return Rectangle((0, 0), _CELL, _CELL, facecolor="#e6e1e0", edgecolor=_FAULT, linewidth=0.8)
