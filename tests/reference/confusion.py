"""Confusion of detections as slow, obvious loops."""

from .detection_metrics import iou


def confusion(pictures, classes, cuts, least=0.5):
    """Give how many boxes have each pair of (true class, found class), None standing for nothing, as a dict.

    Args:
        pictures: (true boxes as (box, class, difficult, crowd), found boxes as (box, class, score)) each.
        classes: how many there are.
        cuts: what the score of each class must reach.
        least: IoU of a match.
    """
    counts = {}

    def count(true, found):
        assert true is None or true < classes
        counts[true, found] = counts.get((true, found), 0) + 1

    for truth, found in pictures:
        taken = set()
        shown = [entry for entry in found if entry[2] >= cuts[entry[1]]]
        for box, kind, _ in sorted(shown, key=lambda entry: -entry[2]):
            free = [
                (iou(box, true_box), true_kind == kind, -place)
                for place, (true_box, true_kind, difficult, crowd) in enumerate(truth)
                if not (difficult or crowd) and place not in taken
            ]
            best = max(free, default=(0, False, 0))
            if best[0] >= least:
                taken.add(-best[2])
                count(truth[-best[2]][1], kind)
            elif not any(
                (difficult or crowd) and true_kind == kind and iou(box, true_box, crowd) >= least
                for true_box, true_kind, difficult, crowd in truth
            ):
                count(None, kind)
        for place, (_, kind, difficult, crowd) in enumerate(truth):
            if not (difficult or crowd) and place not in taken:
                count(kind, None)
    return counts
