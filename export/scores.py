"""What a detector's score means, in plain words, for the page beside its card."""

from ..trainers.calibration.names import worsened
from ..trainers.metrics.catalogue import metrics_of
from .calibration_entry import NONE, CalibrationEntry

_MEANINGS = {
    "precision": "of a hundred boxes with a score near 0.8 about 80 are right, that is have an IoU of 0.5 or more with "
    "an object of their class",
    "iou": "boxes with a score near 0.8 have an IoU near 0.8 with an object of their class on average, false finds "
    "counting 0",
}
_FEW = 100  # pictures


def meaning_of_scores(entry: CalibrationEntry) -> str:
    """Say what scores mean, and how far that was seen to hold: a sentence more, or a paragraph of its own."""
    if entry["method"] == NONE:
        return " Scores are in order, not probabilities: only thresholds tell which are high."
    if not entry["detections"]:
        return " No box was found in the validation pictures: scores are as the network gives them, and mean nothing."
    pictures, after, before = entry["images"], entry["after"], entry["before"]
    intervals = entry["after_intervals"]
    told = []
    for metric in metrics_of("detection_ece", "laece_0", "laace_0"):
        if metric.key not in after:
            continue
        low, high = intervals.get(metric.key, [after[metric.key]] * 2)
        was = f", {metric.text(before[metric.key])} before" if metric.key in before else ""
        told.append(
            f"{metric.heading} {metric.text(after[metric.key])} (95 %: {metric.text(low)} to {metric.text(high)}{was})"
        )
    halves = "For halves of them, each by the curves of the other half"
    held = f" {halves}: {', '.join(told)}; 0 would be exact." if told else ""
    if worsened(entry["target"], before, after):
        held += " That is worse than before: calibrating did not help here, and what such scores say is in doubt."
    few = " So few pictures tell little: the intervals are wide." if pictures < _FEW else ""
    return (
        f"\n\n**Scores** are calibrated: {_MEANINGS[entry['target']]}. Curves ({entry['method']}), which keep the "
        f"order of each class, were fitted to the {entry['detections']} boxes found in {pictures} validation "
        f"pictures.{held}{few} Other cameras and scenes need not keep to it."
    )
