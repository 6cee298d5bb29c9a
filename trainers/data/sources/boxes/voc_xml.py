"""What an XML file in Pascal VOC's format says of one picture."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import numpy as np

from ....errors import DataError
from ....text import composed, read_text
from .annotation import Annotation


def parse_xml(path: Path) -> Element:
    """Parse an XML file of any tool; gives its root."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root: Element = fromstring(read_text(path))
    except DefusedXmlException as error:
        raise DataError(
            f"{path} declares XML entities, which no annotation needs and some attacks use: remove the declarations"
        ) from error
    except (ParseError, ValueError) as error:
        raise DataError(f"{path} cannot be read as XML ({error}): write the annotation again") from error
    return root


def read_annotation(path: Path) -> Annotation:
    """Read one file."""
    root = parse_xml(path)
    if root.tag != "annotation":
        raise DataError(f"{path} holds <{root.tag}>, expected <annotation> as Pascal VOC has it: replace the file")
    names, boxes, difficult = [], [], []
    for number, item in enumerate(root.iter("object"), start=1):
        name = composed(item.findtext("name") or "").strip()
        if not name:
            raise DataError(f"object {number} of {path} has no <name>: add it, or remove the object")
        names.append(name)
        boxes.append([_number(item, f"bndbox/{corner}", path, number) for corner in ("xmin", "ymin", "xmax", "ymax")])
        difficult.append((item.findtext("difficult") or "").strip().lower() in ("1", "true"))
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    return Annotation(path, tuple(names), corners, np.array(difficult, bool), _stated_size(root))


def _number(item: Element, place: str, path: Path, number: int) -> float:
    text = (item.findtext(place) or "").strip()
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise DataError(
            f"object {number} of {path} has {repr(text) if text else 'nothing'} as <{place}>, expected a number of "
            "pixels: correct it, or remove the object"
        )
    return value


def _stated_size(root: Element) -> tuple[int, int] | None:
    try:
        height, width = (int(float(root.findtext(f"size/{side}") or 0)) for side in ("height", "width"))
    except (ValueError, OverflowError):
        return None
    return height, width
