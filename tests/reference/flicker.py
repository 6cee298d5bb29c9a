"""Flicker and blink of masks as slow, obvious loops, pixel by pixel."""

import math

import numpy as np


def corners(x, y):
    """Give the pixels around a place, and their shares in it, those without one left out."""
    left, top = math.floor(x), math.floor(y)
    across, down = x - left, y - top
    around = [
        (left, top, (1 - across) * (1 - down)),
        (left + 1, top, across * (1 - down)),
        (left, top + 1, (1 - across) * down),
        (left + 1, top + 1, across * down),
    ]
    return [(column, row, share) for column, row, share in around if share > 0]


def bilinear(values, x, y):
    """Read a map between its pixels."""
    return sum(share * values[row, column] for column, row, share in corners(x, y))


def place_before(motions, newest, back, x, y):
    """Follow a pixel of the frame `newest` so many frames back; None where it is lost on the way.

    Motions are arrays [H, W, 2] by frame, from it to the one before it, NaN where not known. Where a pixel was between
    others, it goes where these come from, by their shares.
    """
    move = motions[newest][y, x].astype(float)
    place = x + move[0], y + move[1]
    height, width = motions[newest].shape[:2]
    if np.isnan(move).any() or not (0 <= place[0] <= width - 1 and 0 <= place[1] <= height - 1):
        return None
    if back == 1:
        return place
    places = []
    for column, row, share in corners(*place):
        earlier = place_before(motions, newest - 1, back - 1, column, row)
        if earlier is None:
            return None
        places.append((share * earlier[0], share * earlier[1]))
    return tuple(map(sum, zip(*places)))


def flicker(frames, motions, cut, read=bilinear):
    """Give (flicker, blink) of one clip.

    Args:
        frames: what was found in each frame [H, W].
        motions: of each frame to the one before it, as in `place_before`; that of the first is not looked at.
        cut: from a value at a place to what is held against others, such as `lambda value: value >= 0.5`.
        read: how a frame is read at (x, y).
    """
    changes, blinks = [], []
    for newest in range(1, len(frames)):
        pairs, windows, blinking = [], 0, 0
        for y in range(frames[0].shape[0]):
            for x in range(frames[0].shape[1]):
                values = [cut(frames[newest][y, x])]
                for back in (1, 2, 3):
                    place = place_before(motions, newest, back, x, y) if back <= newest else None
                    values.append(None if place is None else cut(read(frames[newest - back], *place)))
                now, one, two, three = values
                if one is not None:
                    pairs.append((now, one))
                if two is not None:
                    windows += 1
                    blinking += now != one and (now == two or (three is not None and now == three))
        changes.append(1 - mean_iou(pairs))
        if windows:
            blinks.append(blinking / windows)
    return float(np.mean(changes)), float(np.mean(blinks)) if blinks else math.nan


def mean_iou(pairs):
    """Give the mean IoU of pairs of values: of True, 1 where there is none; of classes, over those that are there."""
    if all(isinstance(value, (bool, np.bool_)) for pair in pairs for value in pair):
        either = sum(now or before for now, before in pairs)
        return sum(now and before for now, before in pairs) / either if either else 1.0
    classes = {value for pair in pairs for value in pair}
    ious = []
    for one in classes:
        both = sum(now == before == one for now, before in pairs)
        ious.append(both / sum(one in pair for pair in pairs))
    return float(np.mean(ious))
