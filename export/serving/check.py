"""Whether the signatures for pictures of any size give what the network gives for the same pictures."""

import io
from collections.abc import Sequence

import cv2
import numpy as np
import tensorflow as tf

from ...trainers.data.example import Source
from ...trainers.data.fit import fit_image
from ...trainers.data.images import read_image
from ...trainers.geometry import height_width
from ...trainers.tasks import get_task as get_trained_task
from ..runners.base import Runner
from ..signatures import ENCODED, PICTURES
from ..tasks.base import ExportTask
from .decoding import decode_picture
from .resizing import fitting

PICTURE_COUNT = 2
"""Pictures of the validation data that are looked at, each with a corner that is smaller than the network's input."""
LEVELS = 1
"""Grey levels by which resizing and decoding here may differ from OpenCV's and Pillow's; on x86 it is none."""


def departure(task: ExportTask, runner: Runner, source: Source, resizing: str, thresholds: Sequence[float]) -> str:
    """Say in a few words where the signatures for pictures of any size depart from the network; empty if nowhere."""
    levels = np.asarray(thresholds, np.float32)
    for index in range(min(PICTURE_COUNT, len(source))):
        image = source.load(index).image
        height, width = height_width(runner.size)
        corner = image[: max(1, height // 2), : max(1, width // 3)]
        for picture in (image, corner):
            if said := _of_pixels(task, runner, picture, resizing, levels):
                return f"signature {PICTURES} {said} on {source.names[index]}"
        # A file differs from its pixels by decoding alone, whatever is in it.
        if not index and (said := _of_files(task, runner, [image, corner])):
            return f"signature {ENCODED} {said} on {source.names[index]}"
    return ""


def _of_pixels(task: ExportTask, runner: Runner, image: np.ndarray, resizing: str, levels: np.ndarray) -> str:
    fitted = fitting(runner.size, resizing)(tf.constant(image[None])).numpy()
    if (off := _levels_off(fitted[0], fit_image(image, runner.size, resizing))) > LEVELS:
        return f"resizes pictures by up to {off} grey levels otherwise than OpenCV"
    answer = runner(fitted)
    one = tuple(part[0] for part in answer) if isinstance(answer, tuple) else answer[0]
    expected = get_trained_task(task.name).target.unfit(one, runner.size, resizing, image.shape[:2])
    found = {name: part[0] for name, part in runner.outputs(image[None], PICTURES).items()}
    return task.departure(found, expected, levels)


def _of_files(task: ExportTask, runner: Runner, images: list[np.ndarray]) -> str:
    """The bytes of two files of different sizes in one call, against the pixels in them."""
    suffixes = (".jpg", ".png")
    files = [cv2.imencode(suffix, image[..., ::-1])[1].tobytes() for suffix, image in zip(suffixes, images)]
    found = runner.outputs(np.array(files, object), ENCODED)
    for index, (file, image) in enumerate(zip(files, images)):
        pixels = decode_picture(tf.constant(file)).numpy()
        if (off := _levels_off(pixels, read_image(io.BytesIO(file)))) > LEVELS:
            return f"decodes {suffixes[index]} files by up to {off} grey levels otherwise than Pillow"
        if (found["height"][index], found["width"][index]) != image.shape[:2]:
            return f"takes a picture of {image.shape[1]}x{image.shape[0]} for another size"
        expected = task.carried(runner.outputs(pixels[None], PICTURES))
        for name in task.encoded:
            if not np.array_equal(found[name][index], np.asarray(expected[name])):
                return f"gives another {name} than {PICTURES}"
    return ""


def _levels_off(found: np.ndarray, expected: np.ndarray) -> int:
    return 255 if found.shape != expected.shape else int(cv2.absdiff(found, expected).max())
