"""Small sets to pack: pictures of every kind of file, and boxes with all that can be known about them."""

from pathlib import Path

import numpy as np
from PIL import Image

from metricfit.trainers.data.example import Example, Ids, Source
from metricfit.trainers.data.images import read_image

KEPT = ("plain.jpg", "grey.jpg", "turned3.jpg", "turned6.jpg", "turned7.jpg", "simple.png", "palette.png")
"""Files that TensorFlow decodes to the same pixels; the others are written anew."""
OTHERS = ("cmyk.jpg", "deep.png", "alpha.png", "a.webp", "b.tif", "c.bmp")


def pixels(seed: int, height: int = 37, width: int = 50) -> np.ndarray:
    """Smooth colours with an edge, so that no two directions are alike."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([3 * x + seed, 5 * y, 2 * (x + y)], axis=-1) % 256
    image[: height // 3, : width // 4] = 250
    return image.astype(np.uint8)


def write_folder(root: Path, names: tuple[str, ...] = (*KEPT, *OTHERS)) -> Path:
    """Write a folder of pictures of many kinds, each with a mask that fits how it is shown."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for number, name in enumerate(names):
        path, image, options = root / "images" / name, Image.fromarray(pixels(number)), {}
        if name.startswith("turned"):
            exif = Image.Exif()
            exif[0x0112] = int(name[6])
            options["exif"] = exif.tobytes()
        if name.startswith("deep"):
            grey = Image.fromarray(pixels(number)[..., 0].astype(np.uint16) * 255 + 200)
            grey.save(path)
        else:
            mode = {"grey": "L", "cmyk": "CMYK", "alpha": "RGBA", "palette": "P"}.get(path.stem, "RGB")
            image = image.convert(mode)
            if mode == "RGBA":
                image.putalpha(Image.fromarray(pixels(7)[..., 1]))
            image.save(path, **options)
        height, width = (50, 37) if name[6:7] in ("6", "7") else (37, 50)
        mask = np.zeros((height, width), np.uint8)
        mask[3 : 11 + number, 5:17] = 255
        Image.fromarray(mask).save(root / "masks" / f"{path.stem}.png")
    return root


class Boxed(Source):
    """Boxes with all flags, areas and ids; one picture has none, and one lies in a turned file."""

    name, class_names = "boxed:all", ("cell", "großes Ding", "c")
    ids = Ids({"a": 7, "b": 9}, {"cell": 3})

    def __init__(self, folder: Path):
        self.file = folder / "turned.jpg"
        exif = Image.Exif()
        exif[0x0112] = 6
        Image.fromarray(pixels(1)).save(self.file, exif=exif.tobytes())
        self.names = ["a", "b/ü", "none", "turned"]
        self.box_counts = [2, 1, 0, 1]

    def __len__(self):
        return len(self.names)

    def picture_file(self, index):
        return self.file if index == 3 else None

    def load(self, index):
        image = read_image(self.file) if index == 3 else pixels(index)
        boxes = np.array([[0.1, 1 / 3, 20.7, 30], [2, 2, 36.99, 12]], np.float32)[: self.box_counts[index]]
        classes = np.array([2, 1], np.int32)[: len(boxes)]
        flags = {} if index else {"difficult": np.array([True, False]), "crowd": np.array([False, True])}
        areas = {} if index != 1 else {"areas": np.array([17.5], np.float32)}
        return Example(image, boxes=boxes, classes=classes, name=self.names[index], **flags, **areas)
