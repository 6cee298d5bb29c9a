"""IoU by picture and class, of the worst pictures, and near edges: picture by picture, class by class, slowly."""

import math

from .jaccard import index_of_class


def ious(pictures, classes, ignore=255):
    """For each picture a dict of the IoU of each class that its labels have."""
    found = []
    for labels, predicted in pictures:
        there = {int(value) for row in labels for value in row} - {ignore}
        found.append(
            {kind: index_of_class([(labels, predicted)], kind, ignore) for kind in range(classes) if kind in there}
        )
    return [one for one in found if one]


def worst(values, share):
    """Mean of the lowest share of some values, of one at least."""
    lowest = sorted(values)[: max(1, int(share * len(values)))]
    return sum(lowest) / len(lowest)


def eroded(mask, distance):
    """A mask, as sets of places, without what is within a distance of its edge: 3x3 erosions one after another."""
    for _ in range(distance):
        mask = {(r, c) for r, c in mask if all((r + i, c + j) in mask for i in (-1, 0, 1) for j in (-1, 0, 1))}
    return mask


def boundary_miou(pictures, classes, reach=0.02, ignore=255):
    """Mean over the classes of the intersection over union of masks without their eroded ones, over all pictures."""
    totals = {kind: [0, 0, 0] for kind in range(classes)}
    for labels, predicted in pictures:
        height, width = len(labels), len(labels[0])
        distance = max(1, round(reach * math.hypot(height, width)))
        places = [(r, c) for r in range(height) for c in range(width)]
        counts = {(r, c) for r, c in places if labels[r][c] != ignore}
        for kind in range(classes):
            true, found = ({(r, c) for r, c in places if one[r][c] == kind} for one in (labels, predicted))
            true, found = ((mask - eroded(mask, distance)) & counts for mask in (true, found))
            for index, part in enumerate((true & found, true | found, true)):
                totals[kind][index] += len(part)
    values = [both / either for both, either, true in totals.values() if true]
    return sum(values) / len(values)
