"""Non-maximum suppression as the papers write it: one box after the other, in float64."""

import math


def overlap(box, other):
    """Give the IoU of two boxes (x0, y0, x1, y1)."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((box[2] - box[0]) * (box[3] - box[1]) + (other[2] - other[0]) * (other[3] - other[1]) - both)


def suppress(boxes, scores, classes, *, method, parameter, per_class=True, most=100, lowest=0.0, views=None):
    """Give (place, score) of what stays, surest first (Bodla et al., ICCV 2017, figure 2; equations 1 to 3).

    `parameter` is the IoU of the hard and the linear, sigma of the Gaussian method. Boxes of one of `views` leave each
    other alone.
    """
    left = [[float(score), place] for place, score in enumerate(scores)]
    kept = []
    while left and len(kept) < most:
        best = max(left, key=lambda one: (one[0], -one[1]))
        if best[0] <= lowest:
            break
        left.remove(best)
        kept.append((best[1], best[0]))
        for one in left:
            if per_class and classes[one[1]] != classes[best[1]]:
                continue
            if views is not None and views[one[1]] == views[best[1]]:
                continue
            iou = overlap([float(side) for side in boxes[one[1]]], [float(side) for side in boxes[best[1]]])
            if method == "hard":
                one[0] = one[0] if iou <= parameter else -1.0
            elif method == "soft-linear":
                one[0] *= 1 - iou if iou > parameter else 1
            else:
                one[0] *= math.exp(-(iou**2) / parameter)
    return kept
