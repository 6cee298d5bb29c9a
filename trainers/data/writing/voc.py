"""Writing boxes as Pascal VOC has them: JPEGImages/ and Annotations/, as `voc:PATH` reads them."""

from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from ..example import Example, ignored_boxes
from .base import Writer

NARROW = "box narrower than a pixel, widened to one, the least that VOC can say"
CROWD = "crowd written as a difficult object, which does not count either"

_LEAST = 0.01


class VocWriter(Writer):
    """Writes an XML file for each picture; pixels count from 1, to a hundredth."""

    images = "JPEGImages"
    source = "voc:{}"

    def write(self, example: Example, picture: Path) -> None:
        """See `Writer`."""
        boxes, classes = self.boxes(example)
        root = Element("annotation")
        SubElement(root, "folder").text = self.images
        SubElement(root, "filename").text = picture.name
        size = SubElement(root, "size")
        height, width, depth = example.image.shape
        for name, value in (("width", width), ("height", height), ("depth", depth)):
            SubElement(size, name).text = str(value)
        SubElement(root, "segmented").text = "0"
        self.changed[CROWD] += 0 if example.crowd is None else int(example.crowd.sum())
        for box, index, ignored in zip(boxes, classes, ignored_boxes(example)):
            item = SubElement(root, "object")
            SubElement(item, "name").text = self.class_names[index]
            SubElement(item, "truncated").text = "0"
            SubElement(item, "difficult").text = str(int(ignored))
            corners = SubElement(item, "bndbox")
            low, high = box[:2] + 1, box[2:]
            self.changed[NARROW] += int((high < low).any())
            # Readers take two equal numbers for a box without extent, though VOC means a whole pixel.
            (x0, y0), (x1, y1) = low.tolist(), high.clip(low + _LEAST).tolist()
            for name, value in (("xmin", x0), ("ymin", y0), ("xmax", x1), ("ymax", y1)):
                SubElement(corners, name).text = f"{round(value, 2):.10g}"
        indent(root)
        folder = self.folder / "Annotations"
        folder.mkdir(exist_ok=True)
        ElementTree(root).write(folder / f"{picture.stem}.xml", encoding="utf-8")
