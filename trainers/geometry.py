"""What data, models and export mean alike: boxes (x0, y0, x1, y1), codes of labels, and how pictures are fitted."""

import numpy as np

from .errors import UsageError

IGNORE = 255  # the value of mask and label pixels that neither train nor count
IGNORED, PADDING = -2, -1  # codes among the classes of a batch: a box that neither trains nor counts, and no box
# `pad` keeps a picture's shape and fills up with grey at the right or bottom; `stretch` does not keep it.
RESIZINGS = ("pad", "stretch")


def check_size(size: int, multiple: int = 32) -> None:
    """Raise UsageError for a side of a network's input, in pixels, that is not a multiple of what it halves."""
    if size < multiple or size % multiple:
        nearest = max(multiple, round(size / multiple) * multiple)
        raise UsageError(f"the size must be a multiple of {multiple}, got {size}: try {nearest}")


def box_areas(boxes: np.ndarray) -> np.ndarray:
    """Give the area of boxes [..., 4] as [...], 0 for those without extent or turned inside out."""
    return (boxes[..., 2:] - boxes[..., :2]).clip(0).prod(axis=-1)


def box_iou(boxes: np.ndarray, others: np.ndarray, crowd: np.ndarray | None = None) -> np.ndarray:
    """Give the IoU of boxes [n, 4] with others [m, 4], float64 [n, m]; with a crowd, over the box's own area."""
    boxes, others = np.asarray(boxes, np.float64), np.asarray(others, np.float64)
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    both = (high - low).clip(0).prod(axis=-1)
    area = box_areas(boxes)[:, None]
    union = area + box_areas(others)[None] - both
    if crowd is not None:
        union = np.where(crowd[None], area, union)
    return np.divide(both, union, out=np.zeros_like(both), where=union > 0)
