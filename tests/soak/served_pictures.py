"""Resize and decode pictures of any kind inside of TensorFlow; they must be OpenCV's and Pillow's to the last bit.

CMYK alone may be one grey level off: TensorFlow cuts off where Pillow rounds.

Half of the tries resize a picture of random size to a random square, the others decode a JPEG or PNG file of a random
kind, turned by EXIF. Every fourth file is damaged, and must be refused or give a picture, without ending the process.
"""

import argparse
import io
import random
import sys

import numpy as np
import tensorflow as tf
from PIL import Image

from metricfit.export.serving.decoding import decode_picture
from metricfit.export.serving.resizing import fitting
from metricfit.trainers.data.fit import fit_image
from metricfit.trainers.data.images import read_image
from metricfit.trainers.geometry import InputSize, height_width, size_text

SIDES = (32, 48, 224, 320)
LARGEST = 1500
MODES = {"JPEG": ("RGB", "L", "CMYK"), "PNG": ("RGB", "L", "1", "P", "RGBA", "LA")}


def picture(rng: random.Random, height: int, width: int) -> np.ndarray:
    """Draw noise, black and white noise, or slopes, uint8 [height, width, 3]."""
    noise = np.random.default_rng(rng.getrandbits(32)).integers(0, 256, (height, width, 3)).astype(np.uint8)
    kind = rng.randrange(3)
    if kind == 2:
        rows, columns = np.mgrid[:height, :width]
        return np.stack([rows, columns, rows + columns], axis=-1).astype(np.uint8)
    return noise // 128 * 255 if kind else noise


def size(rng: random.Random, side: int) -> tuple[int, int]:
    """Choose height and width: any, or the square's times a small fraction, where roundings are close."""
    if rng.random() < 0.5:
        return rng.randint(1, LARGEST), rng.randint(1, LARGEST)
    height, width = (max(1, side * rng.randint(1, 12) // rng.randint(1, 4)) for _ in range(2))
    return height, width


def resized(rng: random.Random, inside: InputSize) -> tuple[str, str]:
    """Resize one picture; says what was tried, and what is wrong."""
    (height, width), resizing = size(rng, max(height_width(inside))), rng.choice(("pad", "stretch"))
    image = picture(rng, height, width)
    found = fitting(inside, resizing)(tf.constant(image[None])).numpy()[0]
    off = np.abs(found.astype(int) - fit_image(image, inside, resizing)).max()
    return f"{resizing} {height}x{width} to {size_text(inside)}", f"up to {off} grey levels off" if off else ""


def decoded(rng: random.Random, *, damaged: bool = False) -> tuple[str, str]:
    """Decode one file; says what was tried, and what is wrong."""
    form = rng.choice(list(MODES))
    mode, turn = rng.choice(MODES[form]), rng.randint(0, 9)
    image = Image.fromarray(picture(rng, rng.randint(1, 300), rng.randint(1, 300))).convert(mode)
    exif, content = Image.Exif(), io.BytesIO()
    exif[0x0112] = turn
    quality = {"quality": rng.randint(10, 100), "subsampling": rng.randrange(3)} if form == "JPEG" else {}
    image.save(content, form, exif=exif, **quality)
    data = bytearray(content.getvalue())
    what = f"{form} {mode} {image.height}x{image.width} turned {turn}"
    if damaged:
        for _ in range(rng.randint(1, 20)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        data = data[: rng.randint(0, len(data))] if rng.random() < 0.3 else data
    try:
        found = decode_picture(tf.constant(bytes(data))).numpy()
    except tf.errors.InvalidArgumentError as error:
        return f"{what} damaged" if damaged else what, "" if damaged else f"refused: {error.message[-200:]}"
    if damaged:
        return f"{what} damaged", "" if found.ndim == 3 and found.shape[2] == 3 else f"gives {found.shape}"
    expected = read_image(io.BytesIO(bytes(data)), repairs=[])
    off = np.abs(found.astype(int) - expected).max() if found.shape == expected.shape else 255
    return what, f"up to {off} grey levels off" if off > (mode == "CMYK") else ""


def main() -> int:
    """Try so many pictures; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failed = 0
    for number in range(options.times):
        rng = random.Random(f"{options.seed} {number}")
        what, wrong = decoded(rng, damaged=number % 8 == 1) if number % 2 else resized(rng, rng.choice(SIDES))
        failed += bool(wrong)
        print(f"{number} {what}: {wrong or 'equal'}", flush=True)
    print(f"served_pictures: tried {options.times}, passed {options.times - failed}, failed {failed}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
