"""The classes of public data sets whose files do not name them."""

import numpy as np

from ..example import IGNORE
from .colours import ColourMap

CITYSCAPES = {
    7: ("road", (128, 64, 128)), 8: ("sidewalk", (244, 35, 232)), 11: ("building", (70, 70, 70)),
    12: ("wall", (102, 102, 156)), 13: ("fence", (190, 153, 153)), 17: ("pole", (153, 153, 153)),
    19: ("traffic light", (250, 170, 30)), 20: ("traffic sign", (220, 220, 0)), 21: ("vegetation", (107, 142, 35)),
    22: ("terrain", (152, 251, 152)), 23: ("sky", (70, 130, 180)), 24: ("person", (220, 20, 60)),
    25: ("rider", (255, 0, 0)), 26: ("car", (0, 0, 142)), 27: ("truck", (0, 0, 70)), 28: ("bus", (0, 60, 100)),
    31: ("train", (0, 80, 100)), 32: ("motorcycle", (0, 0, 230)), 33: ("bicycle", (119, 11, 32)),
}  # fmt: skip
"""The 19 classes that the benchmark counts, by the numbers in its label files, and their colours."""

CITYSCAPES_NAMES = tuple(name for name, _ in CITYSCAPES.values())

_CITYSCAPES_VOID = (
    (0, 0, 0), (111, 74, 0), (81, 0, 81), (250, 170, 160), (230, 150, 140), (180, 165, 180), (150, 100, 100),
    (150, 120, 90), (0, 0, 90), (0, 0, 110),
)  # fmt: skip

VOC_NAMES = (
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable",
    "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_VOC_VOID = (224, 224, 192)


def voc_colours(count: int) -> np.ndarray:
    """Give the colours of VOC's palette, uint8 [count, 3]: the bits of a number go to red, green and blue in turn."""
    numbers = np.arange(count)
    channels = [sum(((numbers >> 3 * bit + channel) & 1) << (7 - bit) for bit in range(8)) for channel in range(3)]
    return np.stack(channels, axis=1).astype(np.uint8)


def voc_classes() -> ColourMap:
    """Give the classes of Pascal VOC by their colours; its borders are ignored."""
    colours = np.concatenate([voc_colours(len(VOC_NAMES)), [np.array(_VOC_VOID, np.uint8)]])
    return ColourMap(VOC_NAMES, colours, np.array([*range(len(VOC_NAMES)), IGNORE]), "VOC's palette")


def cityscapes_classes() -> ColourMap:
    """Give the classes of Cityscapes by their colours; what its benchmark does not count is ignored."""
    colours = np.array([*(rgb for _, rgb in CITYSCAPES.values()), *_CITYSCAPES_VOID], np.uint8)
    classes = [*range(len(CITYSCAPES)), *[IGNORE] * len(_CITYSCAPES_VOID)]
    return ColourMap(CITYSCAPES_NAMES, colours, np.array(classes), "the list of Cityscapes")
