"""Class maps that are drawn: outlines and run lengths of COCO, shapes of labelme."""

import base64
import binascii
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from ...errors import DataError
from ...geometry import Size
from ...text import composed, read_json
from ..example import IGNORE
from ..images import Seen
from .base import PixelValues
from .colours import IGNORED_NAMES

NO_AREA = "point or line, which encloses nothing, left out"
WITHIN = "_background_"
"""What labelme calls the background."""


def coco_region(segmentation: Any, size: Size, where: str) -> np.ndarray:
    """Draw one object of COCO, outlines or run lengths, bool [H, W] of `size`; `where` is the object's name in errors.

    Raises:
        DataError: it has no outline, one that is none, or run lengths of another size.
    """
    from pycocotools import mask as run_lengths

    height, width = size
    if isinstance(segmentation, dict):
        counts, of_size = segmentation.get("counts"), segmentation.get("size")
        if of_size != [height, width] or not isinstance(counts, (list, str)):
            raise DataError(
                f"{where} has run lengths for a size of {of_size}, its picture is {[height, width]}: correct it"
            )
        if isinstance(counts, list):
            if not all(isinstance(count, int) and count >= 0 for count in counts) or sum(counts) != height * width:
                raise DataError(f"{where} has run lengths that are not those of {height * width} pixels: correct it")
            coded = run_lengths.frPyObjects(segmentation, height, width)
        else:
            coded = {"size": of_size, "counts": counts.encode()}
        region = np.asarray(run_lengths.decode(coded), bool)
        if region.shape != size:
            raise DataError(f"{where} has run lengths that cannot be read: write them again")
        return region
    outlines = [segmentation] if _is_outline(segmentation) else segmentation
    if not isinstance(outlines, list) or not outlines:
        raise DataError(f"{where} has a box alone and no outline, of which a class map could be drawn: add it")
    if not all(_is_outline(outline) for outline in outlines):
        raise DataError(f"{where} has an outline that is not three points or more, as [x, y, x, y, x, y]: correct it")
    drawn = run_lengths.frPyObjects([[float(value) for value in outline] for outline in outlines], height, width)
    return np.asarray(run_lengths.decode(run_lengths.merge(drawn)), bool)


def _is_outline(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) >= 6
        and len(value) % 2 == 0
        and all(type(number) in (int, float) and abs(number) < 1e9 for number in value)
    )


def outline_box(segmentation: Any) -> list[float] | None:
    """Give the box [x0, y0, x1, y1] round the outlines of an object, None where it has none."""
    outlines = [segmentation] if _is_outline(segmentation) else segmentation if isinstance(segmentation, list) else []
    flat = [outline for outline in outlines if _is_outline(outline)]
    if not flat:
        return None
    points = np.concatenate([np.array(outline, np.float64).reshape(-1, 2) for outline in flat])
    return [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


def coco_labels(objects: Iterable[tuple[int, np.ndarray]], size: Size) -> np.ndarray:
    """Draw objects, (class, bool [H, W]), into a class map of `size`, the small ones over the large ones.

    The class 0 is the background, and 255 ignores: what is a crowd shows only where no object is.
    """
    labels = np.zeros(size, np.uint8)
    for class_, region in sorted(objects, key=lambda one: (one[0] != IGNORE, -int(one[1].sum()))):
        labels[region] = class_
    return labels


class LabelmeReader:
    """Reads a JSON file of labelme as a class map: shapes are drawn in their order, the background is class 0."""

    def __init__(self, class_names: Sequence[str]):
        self._class_of = {name: number for number, name in enumerate(class_names)}

    def __call__(self, path: Path, picture: Seen, image_path: Path) -> PixelValues:
        """See `PixelReader`."""
        content, size = labelme_shapes(path), picture.size
        stated = content.get("imageHeight"), content.get("imageWidth")
        if all(isinstance(side, int) for side in stated) and stated != size:
            raise DataError(
                f"{path} is for a picture of {stated[1]}x{stated[0]}, {image_path} is {size[1]}x{size[0]}: bring the "
                "picture to the size that was annotated, or annotate it again"
            )
        labels = np.zeros(size, np.uint8)
        left_out = 0
        for number, shape in enumerate(content["shapes"], start=1):
            where, name = f"shape {number} of {path}", shape_label(shape)
            if name not in self._class_of and name not in IGNORED_NAMES:
                known = ", ".join(self._class_of)
                raise DataError(
                    f"{where} has the label {name or 'nothing'}, the classes are {known}: correct one of them"
                )
            region = _shape_region(shape, size, where)
            left_out += region is None
            if region is not None:
                labels[region] = self._class_of.get(name, IGNORE)
        return PixelValues(labels, repairs=(NO_AREA,) * left_out)


def labelme_shapes(path: Path) -> dict[str, Any]:
    """Read a JSON file of labelme, which has a list of shapes."""
    content = read_json(path)
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise DataError(f"{path} has no list of shapes, expected a file of labelme: replace it")
    return dict(content)


def shape_label(shape: dict[str, Any]) -> str:
    """Give the class of a shape, or nothing."""
    name = composed(str(shape.get("label") or "")).strip()
    return "background" if name == WITHIN else name


def _shape_region(shape: dict[str, Any], size: Size, where: str) -> np.ndarray | None:
    """Draw a shape, bool [H, W], with its edge, as labelme itself does; None for what encloses nothing."""
    kind = shape.get("shape_type") or "polygon"
    try:
        points = [(float(x), float(y)) for x, y in shape["points"]]
    except (KeyError, TypeError, ValueError):
        points = []
    needed = 3 if kind in ("polygon", "rotation") else 2
    if kind not in ("polygon", "rotation", "rectangle", "circle", "mask"):
        return None
    if len(points) < needed or not np.isfinite(points).all():
        raise DataError(
            f"{where} has the points {shape.get('points')}, expected {needed} pairs of numbers or more: correct it"
        )
    if kind == "mask":
        return _pasted(shape.get("mask"), points[0], size, where)
    canvas = Image.new("1", size[::-1])
    draw = ImageDraw.Draw(canvas)
    if kind == "rectangle":
        draw.rectangle([*np.min(points, axis=0), *np.max(points, axis=0)], fill=1, outline=1)
    elif kind == "circle":
        (x, y), radius = points[0], float(np.hypot(*np.subtract(points[1], points[0])))
        draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=1, outline=1)
    else:
        draw.polygon(points, fill=1, outline=1)
    return np.array(canvas)


def _pasted(encoded: Any, corner: tuple[float, float], size: Size, where: str) -> np.ndarray:
    """Place a small mask, PNG as text, with its upper left pixel at a corner."""
    try:
        small = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)))) > 0
    except (TypeError, ValueError, binascii.Error, OSError, SyntaxError) as error:
        raise DataError(f"{where} has a mask that cannot be read ({error}): draw it again") from error
    region = np.zeros(size, bool)
    left, top = (round(value) for value in corner)
    part = small[max(0, -top) : size[0] - top, max(0, -left) : size[1] - left]
    region[max(0, top) : max(0, top) + part.shape[0], max(0, left) : max(0, left) + part.shape[1]] = part
    return region
