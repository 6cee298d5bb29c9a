"""Writing boxes as COCO has them: images/ and instances.json, as `coco:IMAGES,JSON` reads them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...files import write_json
from ...geometry import box_areas
from ..example import Example, ignored_boxes
from .base import Writer

DIFFICULT = "difficult object written as a crowd, which does not count either"


class CocoWriter(Writer):
    """Writes one JSON file; boxes to a hundredth of a pixel, ids from 1."""

    source = "coco:{0}/images,{0}/instances.json"

    def __init__(self, folder: Path, class_names: Sequence[str], needs: str):
        super().__init__(folder, class_names, needs)
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []

    def write(self, example: Example, picture: Path) -> None:
        """See `Writer`."""
        boxes, classes = self.boxes(example)
        height, width = example.size
        number = len(self._images) + 1
        self._images.append({"id": number, "file_name": picture.name, "width": width, "height": height})
        self.changed[DIFFICULT] += 0 if example.difficult is None else int(example.difficult.sum())
        areas = box_areas(boxes) if example.areas is None else example.areas
        for box, index, ignored, area in zip(boxes, classes, ignored_boxes(example), areas):
            x0, y0, x1, y1 = box.tolist()
            entry = {"id": len(self._annotations) + 1, "image_id": number, "category_id": int(index) + 1}
            bbox = [round(value, 2) for value in (x0, y0, x1 - x0, y1 - y0)]
            about = {"bbox": bbox, "area": round(float(area), 2), "iscrowd": int(ignored), "segmentation": []}
            self._annotations.append({**entry, **about})

    def finish(self) -> None:
        """See `Writer`."""
        categories = [{"id": index, "name": name} for index, name in enumerate(self.class_names, start=1)]
        parts = {"images": self._images, "annotations": self._annotations, "categories": categories}
        write_json(self.folder / "instances.json", parts)
