"""Writing boxes as YOLO has them: images/, labels/ and data.yaml, as `yolo:PATH` reads them."""

import json
from pathlib import Path

import numpy as np

from ...files import write_text
from ..example import Example, ignored_boxes
from .base import Writer

LEFT_OUT = "difficult object or crowd left out, for which YOLO has no sign: it becomes background"


class YoloWriter(Writer):
    """Writes a text file for each picture; boxes to a millionth of the picture's sides."""

    source = "yolo:{}"

    def write(self, example: Example, picture: Path) -> None:
        """See `Writer`."""
        boxes, classes = self.boxes(example)
        kept = ~ignored_boxes(example)
        self.changed[LEFT_OUT] += int((~kept).sum())
        height, width = example.size
        low, high = boxes[kept, :2], boxes[kept, 2:]
        shares = np.concatenate([(low + high) / 2, high - low], axis=1) / [width, height, width, height]
        lines = (f"{kind} " + " ".join(f"{share:.6f}" for share in row) for kind, row in zip(classes[kept], shares))
        write_text(self.folder / "labels" / f"{picture.stem}.txt", "".join(f"{line}\n" for line in lines))

    def finish(self) -> None:
        """Write data.yaml; quoted names are valid YAML as they are valid JSON."""
        quoted = (json.dumps(name, ensure_ascii=False) for name in self.class_names)
        names = "".join(f"  {index}: {name}\n" for index, name in enumerate(quoted))
        write_text(self.folder / "data.yaml", f"train: images\nnames:\n{names}")
