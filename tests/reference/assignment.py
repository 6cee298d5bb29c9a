"""Label assignment written slowly: one image, one object and one anchor after another."""

import numpy as np

STRIDES = (8, 16, 32, 64, 128)
RATIOS = (0.5, 1.0, 2.0)


def anchors(size, scales_per_octave, anchor_scale):
    """All anchors, float32 [A, 4], and for each its level, [A], by nested loops."""
    boxes, levels = [], []
    for level, stride in enumerate(STRIDES):
        rows, columns = (int(np.ceil(side / stride)) for side in (size if isinstance(size, tuple) else (size, size)))
        for row in range(rows):
            for column in range(columns):
                for scale in range(scales_per_octave):
                    for ratio in RATIOS:
                        length = anchor_scale * stride * 2 ** (scale / scales_per_octave)
                        width, height = length * ratio**0.5, length / ratio**0.5
                        x, y = (column + 0.5) * stride, (row + 0.5) * stride
                        boxes.append([x - width / 2, y - height / 2, x + width / 2, y + height / 2])
                        levels.append(level)
    return np.array(boxes, np.float32), np.array(levels)


def intersection(box, other):
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return max(width, np.float32(0)) * max(height, np.float32(0))


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def iou(box, other):
    shared = intersection(box, other)
    return shared / (area(box) + area(other) - shared)


def iou_matrix(boxes, anchor_boxes):
    return np.array([[iou(anchor, box) for anchor in anchor_boxes] for box in boxes], np.float32)


def forced_matches(overlaps, taken=()):
    """For each object an anchor of its own that is not taken, in rounds of proposals; None where none overlaps it."""
    own = [None] * len(overlaps)
    waiting = list(range(len(overlaps)))
    while waiting:
        proposals = {}
        for index in waiting:
            free = [a for a in range(overlaps.shape[1]) if a not in own and a not in taken]
            best = max(free, key=lambda a: (overlaps[index, a], -a))
            if overlaps[index, best] > 0:
                proposals.setdefault(best, []).append(index)
        waiting = []
        for anchor, rivals in proposals.items():
            winner = max(rivals, key=lambda index: (overlaps[index, anchor], -index))
            own[winner] = anchor
            waiting += [index for index in rivals if index != winner]
    return own


def covered(boxes, classes, anchor_boxes):
    """Whether half of each anchor lies in an ignored box."""
    return [
        any(intersection(box, a) >= 0.5 * area(a) for box, label in zip(boxes, classes) if label == -2)
        for a in anchor_boxes
    ]


def by_iou(boxes, classes, anchor_boxes):
    """Labels and matched index of one image, in rounds and loops; see `assign_by_iou`."""
    objects = [index for index, label in enumerate(classes) if label >= 0]
    overlaps = iou_matrix(boxes[objects], anchor_boxes).reshape(len(objects), len(anchor_boxes))
    own = forced_matches(overlaps)
    ignored = covered(boxes, classes, anchor_boxes)
    labels, matched = [], []
    for anchor in range(len(anchor_boxes)):
        best, largest = None, np.float32(-1)
        for index in range(len(objects)):
            if overlaps[index, anchor] > largest:
                best, largest = index, overlaps[index, anchor]
        if anchor in own:
            best, largest = own.index(anchor), 1
        if largest >= 0.5:
            labels.append(classes[objects[best]])
            matched.append(objects[best])
        else:
            labels.append(-2 if largest >= np.float32(0.4) or ignored[anchor] else -1)
            matched.append(0)
    return np.array(labels), np.array(matched)


def by_atss(boxes, classes, anchor_boxes, levels, per_location, forced=True):
    """Labels and matched index of one image; see `assign_by_atss`. Unless `forced`, by the paper's rule alone."""
    centres = 0.5 * (anchor_boxes[:, :2] + anchor_boxes[:, 2:])
    owner = {}
    for index, label in enumerate(classes):
        if label < 0:
            continue
        box = boxes[index]
        centre = 0.5 * (box[:2] + box[2:])
        candidates = []
        for level in range(len(STRIDES)):
            members = np.flatnonzero(levels == level)
            # The anchors of one location have one centre, so that whole locations are chosen.
            locations = members[::per_location]
            distances = ((np.round(2 * centres[locations]) / 2 - centre) ** 2)[:, ::-1].sum(axis=1)
            for location in locations[np.argsort(distances, kind="stable")[:9]]:
                candidates += range(location, location + per_location)
        overlaps = np.array([iou(anchor_boxes[a], box) for a in candidates], np.float64)
        threshold = overlaps.mean() + overlaps.std(ddof=1)
        for anchor, overlap in zip(candidates, overlaps):
            inside = (centres[anchor] > box[:2]).all() and (centres[anchor] < box[2:]).all()
            if overlap >= threshold and inside and overlap > owner.get(anchor, (-1, None))[0]:
                owner[anchor] = (overlap, index)
    if forced:
        lacking = sorted(set(np.flatnonzero(np.array(classes) >= 0).tolist()) - {index for _, index in owner.values()})
        overlaps = iou_matrix(boxes[lacking], anchor_boxes).reshape(len(lacking), len(anchor_boxes))
        for index, anchor in zip(lacking, forced_matches(overlaps, set(owner))):
            if anchor is not None:
                owner[anchor] = (1.0, index)
    ignored = covered(boxes, classes, anchor_boxes)
    labels = [classes[owner[a][1]] if a in owner else (-2 if ignored[a] else -1) for a in range(len(anchor_boxes))]
    return np.array(labels), np.array([owner[a][1] if a in owner else 0 for a in range(len(anchor_boxes))])
