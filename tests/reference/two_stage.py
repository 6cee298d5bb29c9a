"""The parts of a two-stage detector written slowly: one region, one bin and one point after another."""

import numpy as np

from .assignment import area, intersection, iou

STRIDES = (8, 16, 32)


def level_of(region, levels):
    """Number of the level, 0 for P3 (Lin et al., Feature Pyramid Networks, CVPR 2017, eq. 1 with k0 = 4)."""
    sides = np.float64(region[2] - region[0]), np.float64(region[3] - region[1])
    k = np.floor(4 + np.log2(np.sqrt(sides[0] * sides[1]) / 224))
    return int(np.clip(k, 3, 2 + levels)) - 3


def interpolated(feature, y, x):
    """A map [H, W, C] at a place in cells, (0, 0) being the centre of the first one; beyond the centres the nearest."""
    height, width = feature.shape[:2]
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    top, left = int(np.floor(y)), int(np.floor(x))
    below, right = min(top + 1, height - 1), min(left + 1, width - 1)
    down, across = y - top, x - left
    upper = (1 - across) * feature[top, left] + across * feature[top, right]
    lower = (1 - across) * feature[below, left] + across * feature[below, right]
    return (1 - down) * upper + down * lower


def roi_align(features, regions, bins=7, samples=2):
    """Read regions [R, 4] of one picture: [R, bins, bins, C]; float64."""
    found = np.zeros((len(regions), bins, bins, features[0].shape[-1]))
    for index, (x0, y0, x1, y1) in enumerate(np.asarray(regions, np.float64)):
        level = level_of(regions[index], len(features))
        feature, stride = np.asarray(features[level], np.float64), STRIDES[level]
        for row in range(bins):
            for column in range(bins):
                for v in range(samples):
                    for u in range(samples):
                        y = y0 + (row + (v + 0.5) / samples) * (y1 - y0) / bins
                        x = x0 + (column + (u + 0.5) / samples) * (x1 - x0) / bins
                        found[index, row, column] += interpolated(feature, y / stride - 0.5, x / stride - 0.5)
    return found / samples**2


def matched_regions(regions, boxes, classes, least=0.5, ignored=0.5):
    """Labels and objects of regions [R, 4]: a class, -1 background, -2 ignored; the index of the object, 0 for none."""
    labels, matched = [], []
    for region in regions:
        overlap = [iou(region, box) if kind >= 0 else -1 for box, kind in zip(boxes, classes)]
        best = int(np.argmax(overlap))
        covered = any(
            kind == -2 and intersection(region, box) >= ignored * area(region) for box, kind in zip(boxes, classes)
        )
        if region[2] <= 0:
            labels.append(-2)
        elif overlap[best] >= least:
            labels.append(int(classes[best]))
        else:
            labels.append(-2 if covered else -1)
        matched.append(best if labels[-1] >= 0 else 0)
    return np.array(labels), np.array(matched)
