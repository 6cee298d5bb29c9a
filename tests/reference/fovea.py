"""FoveaBox's assignment and codes written slowly: one picture, one place and one object after another."""

import math

import numpy as np

STRIDES = (8, 16, 32, 64, 128)
BASES = (32, 64, 128, 256, 512)


def places(size):
    """Centre, base side, and least and largest scale of every place, by nested loops."""
    found = []
    for number, (stride, base) in enumerate(zip(STRIDES, BASES)):
        rows, columns = (math.ceil(side / stride) for side in (size if isinstance(size, tuple) else (size, size)))
        least = 0 if number == 0 else base / 2
        most = math.inf if number == 4 else base * 2
        for row in range(rows):
            for column in range(columns):
                found.append(((column + 0.5) * stride, (row + 0.5) * stride, base, least, most))
    return found


def inside(x, y, box, share):
    """Whether a point lies in the middle part of a box."""
    x0, y0, x1, y1 = (float(side) for side in box)
    across, down = abs(x - (x0 + x1) / 2), abs(y - (y0 + y1) / 2)
    return across <= share * (x1 - x0) / 2 and down <= share * (y1 - y0) / 2


def area(box):
    return float(box[2] - box[0]) * float(box[3] - box[1])


def assign(boxes, classes, size, forced=True):
    """Labels and matched index of one picture; unless `forced`, by the paper's rule alone."""
    objects = [index for index, label in enumerate(classes) if label >= 0]
    where = places(size)
    owner = [None] * len(where)
    for number, (x, y, _, least, most) in enumerate(where):
        for index in objects:
            fits = least <= math.sqrt(area(boxes[index])) <= most
            if not fits or not inside(x, y, boxes[index], 0.4):
                continue
            if owner[number] is None or area(boxes[index]) < area(boxes[owner[number]]):
                owner[number] = index
    waiting = [index for index in objects if index not in owner] if forced else []
    while waiting:
        asked = {}
        for index in waiting:
            if (place := wished(boxes[index], where, owner)) is not None:
                asked.setdefault(place, []).append(index)
        waiting = []
        for place, rivals in asked.items():
            winner = min(rivals, key=lambda index: (rank(boxes[index], where[place]), index))
            owner[place] = winner
            waiting += [index for index in rivals if index != winner]
    labels = []
    for (x, y, _, least, _), index in zip(where, owner):
        ignored = any(
            label == -2 and inside(x, y, box, 1) and math.sqrt(area(box)) >= least for box, label in zip(boxes, classes)
        )
        labels.append(classes[index] if index is not None else (-2 if ignored else -1))
    return np.array(labels), np.array([0 if index is None else index for index in owner])


def rank(box, place):
    """How badly a place suits a box: first the level, then the distance of their middles."""
    x, y, _, least, most = place
    distance = ((box[0] + box[2]) / 2 - x) ** 2 + ((box[1] + box[3]) / 2 - y) ** 2
    return not least <= math.sqrt(area(box)) <= most, float(distance)


def wished(box, where, owner):
    """The free place that suits a box best; None where all are taken."""
    free = [number for number, index in enumerate(owner) if index is None]
    return min(free, key=lambda number: (rank(box, where[number]), number), default=None)


def encode(box, place):
    """The paper's four logarithms, in half base sides, divided by 0.2."""
    x, y, base, *_ = place
    distances = (x - box[0], y - box[1], box[2] - x, box[3] - y)
    return [math.log(min(max(distance / (base / 2), 1 / 16), 16)) / 0.2 for distance in distances]


def decode(codes, place):
    x, y, base, *_ = place
    left, top, right, bottom = (math.exp(0.2 * code) * base / 2 for code in codes)
    return [x - left, y - top, x + right, y + bottom]
