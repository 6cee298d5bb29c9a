"""Matching, LRP and F1 of detections as slow, obvious loops: no arrays, no prefix sums."""


def iou(first, second, crowd=False):
    """Intersection over union of two boxes (x0, y0, x1, y1); with a crowd, over the area of the first alone."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    both = max(width, 0) * max(height, 0)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    whole = areas[0] if crowd else areas[0] + areas[1] - both
    return both / whole if whole > 0 else 0.0


def fates(pictures, kind, tau=0.5):
    """Give (score, IoU or None for a false positive) of every box of a class that counts, and how many truths count.

    Args:
        pictures: (true boxes as (box, class, difficult, crowd), found boxes as (box, class, score)) each.
        kind: the class.
        tau: least IoU of a true positive.
    """
    counted, truths = [], 0
    for truth, found in pictures:
        true = [entry for entry in truth if entry[1] == kind]
        truths += sum(not (difficult or crowd) for _, _, difficult, crowd in true)
        taken = set()
        for box, _, score in sorted((entry for entry in found if entry[1] == kind), key=lambda entry: -entry[2]):
            best, best_iou = None, tau
            for place, (true_box, _, difficult, crowd) in enumerate(true):
                value = iou(box, true_box)
                if not (difficult or crowd) and place not in taken and value >= best_iou:
                    best, best_iou = place, value
            if best is not None:
                taken.add(best)
                counted.append((score, best_iou))
            elif not any((d or c) and iou(box, true_box, c) >= tau for true_box, _, d, c in true):
                counted.append((score, None))
    return counted, truths


def at_threshold(counted, truths, threshold, tau=0.5):
    """Give LRP, F1, mean 1 - IoU, false-positive rate and false-negative rate of what has at least that score."""
    kept = [value for score, value in counted if score >= threshold]
    errors = [1 - value for value in kept if value is not None]
    true_positives, false_positives = len(errors), len(kept) - len(errors)
    missed = truths - true_positives
    lrp = (false_positives + missed + sum(errors) / (1 - tau)) / (false_positives + missed + true_positives)
    f1 = 2 * true_positives / (2 * true_positives + false_positives + missed)
    localization = sum(errors) / true_positives if true_positives else None
    return lrp, f1, localization, false_positives / len(kept) if kept else None, missed / truths
