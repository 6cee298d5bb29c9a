"""Calibration errors as slow, obvious loops: one bin, one box, one pixel after another."""

import math

from .detection_metrics import iou


def place(confidence, bins):
    """Give the bin of a confidence: the last one whose lower edge it reaches."""
    return max(index for index in range(bins) if confidence >= index / bins)


def expected_error(pairs, bins):
    """Give the mean over (confidence, outcome) of how far the means of their bin are apart; None of nothing."""
    whole, total = len(pairs), 0.0
    for index in range(bins):
        inside = [pair for pair in pairs if place(pair[0], bins) == index]
        if inside:
            confidence = sum(pair[0] for pair in inside) / len(inside)
            outcome = sum(pair[1] for pair in inside) / len(inside)
            total += len(inside) * abs(confidence - outcome)
    return total / whole if whole else None


def boxes(pictures, kind, threshold):
    """Give (score, whether right, IoU) of every box of a class that counts and reaches the threshold.

    `pictures` as in `detection_metrics.fates`. First come COCO's matches at .5, then those of the smallest overlap.
    """
    told = []
    for truth, found in pictures:
        true = [entry for entry in truth if entry[1] == kind]
        own = sorted((one for one in found if one[1] == kind and one[2] >= threshold), key=lambda one: -one[2])
        taken, kept = set(), []
        for box, _, score in own:
            best = _best(box, true, taken, lambda value: value >= 0.5)
            if best is not None:
                taken.add(best)
                kept.append((box, score, True))
            elif not any((d or c) and iou(box, other, c) >= 0.5 for other, _, d, c in true):
                kept.append((box, score, False))
        touched = set()
        for box, score, right in kept:
            best = _best(box, true, touched, lambda value: value > 0)
            touched.add(best)
            told.append((score, right, 0.0 if best is None else iou(box, true[best][0])))
    return told


def _best(box, true, taken, reaches):
    """Give the first of the free true boxes that count with the largest IoU; None where none is reached."""
    best, largest = None, -1.0
    for index, (other, _, difficult, crowd) in enumerate(true):
        value = iou(box, other)
        if not (difficult or crowd) and index not in taken and reaches(value) and value > largest:
            best, largest = index, value
    return best


def box_errors(pictures, classes, thresholds):
    """Give D-ECE, LaECE_0, LaACE_0, and the latter two of each class, None where there is none."""
    told = [boxes(pictures, kind, thresholds[kind]) for kind in range(classes)]
    pairs = [(score, float(right)) for rows in told for score, right, _ in rows]
    laece, laace = [], []
    for kind, rows in enumerate(told):
        truths = sum(entry[1] == kind and not (entry[2] or entry[3]) for truth, _ in pictures for entry in truth)
        counted = rows if truths else []
        laece.append(expected_error([(score, value) for score, _, value in counted], 25))
        laace.append(sum(abs(score - value) for score, _, value in counted) / len(counted) if counted else None)
    return expected_error(pairs, 10), _mean(laece), _mean(laace), laece, laace


def _mean(values):
    values = [value for value in values if value is not None]
    return sum(values) / len(values) if values else None


def likelihood_loss(pairs, temperature):
    """Give the mean negative log-likelihood of (probability, label) with the logits divided by a temperature."""
    total = 0.0
    for probability, label in pairs:
        logit = math.log(probability / (1 - probability)) / temperature
        total += math.log1p(math.exp(-logit if label else logit))
    return total / len(pairs)
