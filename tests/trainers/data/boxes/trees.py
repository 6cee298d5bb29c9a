"""The same pictures and boxes as each annotation tool lays them out, and what every reader must find in them."""

import json
from pathlib import Path

import numpy as np
import yaml
from PIL import Image

CLASSES = ("cat", "dog")
SIZES = {"a": (40, 32), "b": (32, 40), "c": (24, 24), "d": (40, 40)}
"""Stem -> width and height."""
OBJECTS = {
    "a": [("cat", 4, 6, 20, 22), ("dog", 10, 2, 40, 32)],
    "b": [("dog", 0, 0, 16, 20)],
    "c": [],
    "d": [("cat", 1, 2, 9, 12), ("cat", 20, 20, 36, 30)],
}
"""Stem -> class, x0, y0, x1, y1; x1 and y1 are exclusive."""


def picture(path: Path, stem: str) -> Path:
    """Write one of the pictures."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width, height = SIZES[stem]
    noise = np.random.default_rng(ord(stem)).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


def write(path: Path, text: str) -> Path:
    """Write a text file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def xml(stem: str) -> str:
    """The text of VOC's file."""
    width, height = SIZES[stem]
    things = "".join(
        f"<object><name>{name}</name><pose>Unspecified</pose><difficult>0</difficult><bndbox><xmin>{x0 + 1}</xmin>"
        f"<ymin>{y0 + 1}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
        for name, x0, y0, x1, y1 in OBJECTS[stem]
    )
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation verified='yes'><folder>x</folder><filename>{stem}.jpg</filename>{size}{things}</annotation>"


def rows(stem: str) -> str:
    """The text of YOLO's file."""
    width, height = SIZES[stem]
    return "".join(
        f"{CLASSES.index(name)} {(x0 + x1) / 2 / width:.6f} {(y0 + y1) / 2 / height:.6f} {(x1 - x0) / width:.6f} "
        f"{(y1 - y0) / height:.6f}\n"
        for name, x0, y0, x1, y1 in OBJECTS[stem]
    )


def coco(stems: str, categories=((1, "cat"), (2, "dog")), file_name="{}.jpg") -> str:
    """The text of COCO's file."""
    ids = {name: number for number, name in categories}
    images = [
        {"id": number, "file_name": file_name.format(stem), "width": SIZES[stem][0], "height": SIZES[stem][1]}
        for number, stem in enumerate(stems)
    ]
    annotations = [
        {"image_id": number, "category_id": ids[name], "bbox": [x0, y0, x1 - x0, y1 - y0],
         "area": (x1 - x0) * (y1 - y0), "segmentation": [], "iscrowd": 0}
        for number, stem in enumerate(stems)
        for name, x0, y0, x1, y1 in OBJECTS[stem]
    ]  # fmt: skip
    for number, one in enumerate(annotations):
        one["id"] = number
    listed = [{"id": number, "name": name, "supercategory": "none"} for number, name in categories]
    return json.dumps({"info": {}, "licenses": [], "categories": listed, "images": images, "annotations": annotations})


def shapes(stem: str, image_path: str, kind: str = "rectangle", data: str | None = None) -> str:
    """The text of labelme's file."""
    width, height = SIZES[stem]
    found = []
    for name, x0, y0, x1, y1 in OBJECTS[stem]:
        # A rectangle may be drawn from any corner.
        points = [[x1, y1], [x0, y0]] if kind == "rectangle" else [[x0, y0], [x1, y0 + 1], [x1 - 1, y1], [x0, y1]]
        found.append({"label": name, "points": points, "group_id": None, "shape_type": kind, "flags": {}})
    return json.dumps(
        {"version": "5.4.1", "flags": {}, "shapes": found, "imagePath": image_path, "imageData": data,
         "imageHeight": height, "imageWidth": width}
    )  # fmt: skip


def data_yaml(**content) -> str:
    """The text of YOLO's data.yaml."""
    return yaml.safe_dump(content)


def check(source, stems: str, names=None) -> None:
    """Make sure that a source has these pictures, with their classes and boxes."""
    assert source.class_names == CLASSES
    assert list(source.names) == list(names or stems)
    assert list(source.box_counts) == [len(OBJECTS[stem]) for stem in stems]
    for index, stem in enumerate(stems):
        example = source.load(index)
        assert example.image.shape[1::-1] == SIZES[stem]
        assert example.repairs == ()
        assert [CLASSES[kind] for kind in example.classes] == [one[0] for one in OBJECTS[stem]]
        expected = np.array([one[1:] for one in OBJECTS[stem]]).reshape(-1, 4)
        np.testing.assert_allclose(example.boxes, expected, atol=1e-4)
