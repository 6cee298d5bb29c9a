"""Which class boxes are taken for: found and true boxes matched whatever their classes are."""

from collections.abc import Iterable, Sequence

import numpy as np

from ...geometry import box_iou
from ..confusion import Confusion
from .matching import FALSE_POSITIVE, TRUE_POSITIVE, Found, Truth, check_classes, match

IOU = 0.5


def confused(
    pictures: Iterable[tuple[Truth, Found]], class_names: Sequence[str], cuts: np.ndarray, *, iou: float = IOU
) -> Confusion:
    """Count boxes by true and found class, at thresholds `cuts`, float64 [K], that a box of each class must reach.

    In each picture the found boxes, surest first and of all classes together, take the free true box that they overlap
    most, by `iou` at least; of several that they overlap alike, one of their own class. What takes none was found where
    nothing is, and true boxes that are left were missed: these are row and column of the background. Boxes that do not
    count (difficult ones, crowds) are no row, and what meets one of its own class, and no free box, is left out.
    """
    kinds = len(class_names)
    counts = np.zeros((kinds + 1, kinds + 1), np.int64)
    for truth, found in pictures:
        check_classes(class_names, truth.classes, found.classes)
        kept = np.flatnonzero(found.scores >= cuts[found.classes])
        kept = kept[np.argsort(-found.scores[kept], kind="stable")]
        classes = found.classes[kept]
        own = classes[:, None] == truth.classes[None]
        overlap = box_iou(found.boxes[kept], truth.boxes, truth.crowd)
        fate, met = match(np.where(own | ~truth.ignored, overlap, 0.0), truth.ignored, iou, preferred=own)
        hits, false = fate == TRUE_POSITIVE, fate == FALSE_POSITIVE
        missed = ~truth.ignored
        missed[met[hits]] = False
        np.add.at(counts, (truth.classes[met[hits]], classes[hits]), 1)
        np.add.at(counts, (kinds, classes[false]), 1)
        np.add.at(counts, (truth.classes[missed], kinds), 1)
    return Confusion.with_background(counts, class_names)
