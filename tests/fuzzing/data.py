"""Pictures, masks, lists of classes and annotations of boxes."""

import functools
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from .base import Format


def picture(form: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
    """Encode a small picture."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(out, form, **options)
    return out.getvalue()


def scanned(text: str, needs: str) -> None:
    """Look at a source as a training does, and load all of its examples."""
    from metricfit.trainers.data.scan.scanner import checked_source

    source = checked_source(text, needs=needs, quiet=True)
    for index in range(len(source)):
        source.load(index)


def pictures() -> Format:
    """Picture files, whatever their ending says."""
    from metricfit.trainers.data.images import read_image

    forms = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA")
    seeds = (
        *map(picture, forms),
        picture("PNG", "P"),
        picture("JPEG", "CMYK"),
        picture("PNG", "LA"),
        picture("PNG", "1"),
    )
    return Format("picture", "picture.png", seeds, lambda folder: read_image(folder / "picture.png", transparency=True))


def masks() -> Format:
    """Mask files of a folder."""
    mask = Image.fromarray(np.pad(np.full((12, 10), 255, np.uint8), ((0, 12), (0, 10))))
    seeds = []
    for mode in ("L", "P", "1"):
        out = io.BytesIO()
        mask.convert(mode).save(out, "PNG")
        seeds.append(out.getvalue())
    read = functools.partial(lambda folder: scanned(f"folder:{folder}", "mask"))
    return Format("mask", "masks/a.png", tuple(seeds), read, {"images/a.png": picture()})


def labels() -> Format:
    """The list of classes of a folder with class maps."""
    out = io.BytesIO()
    Image.fromarray(np.arange(480, dtype=np.uint8).reshape(24, 20) % 3).save(out, "PNG")
    beside = {"images/a.png": picture(), "labels/a.png": out.getvalue()}
    return Format(
        "classes", "classes.txt", (b"sky\nroad\ncar\n",), lambda folder: scanned(f"folder:{folder}", "labels"), beside
    )


VOC = b"""<annotation><filename>a.png</filename><size><width>20</width><height>24</height><depth>3</depth></size>
<object><name>cat</name><difficult>0</difficult><truncated>0</truncated>
<bndbox><xmin>2</xmin><ymin>3</ymin><xmax>12</xmax><ymax>14</ymax></bndbox></object></annotation>"""
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 20, "height": 24}],
    "categories": [{"id": 1, "name": "cat"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 3, 10, 11], "area": 110, "iscrowd": 0},
        {
            "id": 2,
            "image_id": 1,
            "category_id": 1,
            "bbox": [1, 1, 4, 4],
            "segmentation": [[1, 1, 5, 1, 5, 5]],
            "iscrowd": 0,
        },
        {
            "id": 3,
            "image_id": 1,
            "category_id": 1,
            "bbox": [1, 0, 1, 3],
            "segmentation": {"size": [24, 20], "counts": [24, 3, 453]},
            "iscrowd": 1,
        },
    ],
}
LABELME = {
    "version": "5.0", "flags": {}, "imagePath": "a.png", "imageData": None, "imageHeight": 24, "imageWidth": 20,
    "shapes": [
        {"label": "cat", "points": [[2, 3], [12, 14]], "shape_type": "rectangle", "group_id": None, "flags": {}},
        {"label": "dog", "points": [[2, 3], [12, 14], [5, 9]], "shape_type": "polygon", "group_id": 1, "flags": {}},
        {"label": "dog", "points": [[9, 9], [12, 9]], "shape_type": "circle", "group_id": None, "flags": {}},
    ],
}  # fmt: skip
CVAT = b"""<?xml version="1.0" encoding="utf-8"?><annotations><version>1.1</version><meta><task><labels><label>
<name>cat</name></label></labels></task></meta><image id="0" name="a.png" width="20" height="24">
<box label="cat" occluded="0" xtl="2" ytl="3" xbr="12" ybr="14" z_order="0"></box>
<polygon label="cat" points="1.0,1.0;5.0,1.0;5.0,5.0" z_order="0"></polygon></image></annotations>"""


def boxes() -> tuple[Format, ...]:
    """Annotations of boxes in each layout."""
    image = {"images/a.png": picture()}
    voc = {"JPEGImages/a.png": picture(), "ImageSets/Main/train.txt": b"a\n"}
    data = b"path: .\ntrain: images\nval: images\nnames:\n  0: cat\n  1: dog\n"
    lines = b"0 0.5 0.5 0.2 0.3\n1 0.1 0.2 0.3 0.4 0.4 0.1\n"

    def reads(text: str) -> Callable[[Path], object]:
        return lambda folder: scanned(text.replace("HERE", str(folder)), "boxes")

    return (
        Format("voc", "Annotations/a.xml", (VOC,), reads("voc:HERE:train"), voc),
        Format("coco", "a.json", (json.dumps(COCO).encode(),), reads("coco:HERE/images,HERE/a.json"), image),
        Format("yolo", "labels/a.txt", (lines,), reads("yolo:HERE:train"), {**image, "data.yaml": data}),
        Format("yolo_yaml", "data.yaml", (data,), reads("yolo:HERE:train"), {**image, "labels/a.txt": lines}),
        Format("labelme", "a.json", (json.dumps(LABELME).encode(),), reads("labelme:HERE"), {"a.png": picture()}),
        Format("cvat", "annotations.xml", (CVAT,), reads("cvat:HERE"), image),
    )
