"""How scores are calibrated, as a card keeps it. Imports no TensorFlow."""

from typing import TYPE_CHECKING, TypedDict

from ..trainers.calibration.curves import CurveEntry
from ..trainers.calibration.names import TARGETS

if TYPE_CHECKING:
    from ..trainers.calibration.held_out import Fitted

NONE = "none"


class CalibrationEntry(TypedDict):
    """How scores are calibrated, and what that is worth; `none` as a method leaves the rest empty."""

    method: str  # what fitted the curves
    target: str  # what a score tells: `precision` or `iou`
    curves: list[CurveEntry]  # one a class, of log-odds
    finds: list[int]  # by class, how many tell of it
    images: int
    detections: int
    before: dict[str, float]  # figures by the network's own scores
    after: dict[str, float]  # and calibrated; D-ECE, LaECE_0 and LaACE_0 of each half by the curves of the other
    before_intervals: dict[str, list[float]]  # of these three with 95 %, by a bootstrap over the pictures
    after_intervals: dict[str, list[float]]


NOT_CALIBRATED: CalibrationEntry = {
    "method": NONE, "target": "", "curves": [], "finds": [], "images": 0, "detections": 0, "before": {}, "after": {},
    "before_intervals": {}, "after_intervals": {},
}  # fmt: skip


def entry_of(fitted: "Fitted | None") -> CalibrationEntry:
    """Give what a card keeps."""
    return CalibrationEntry(**fitted.to_dict()) if fitted else NOT_CALIBRATED  # type: ignore[typeddict-item]


def fitted_of(entry: CalibrationEntry, classes: int) -> "Fitted | None":
    """Read what a card keeps; ValueError for what is no calibration of so many classes."""
    if entry["method"] == NONE:
        return None
    from ..trainers.calibration.fitting import FITS  # not before a card has one: they take OpenCV
    from ..trainers.calibration.held_out import Fitted

    if entry["method"] not in FITS:
        raise ValueError(f"its method is {', '.join(FITS)} or {NONE}, got {entry['method']}")
    fitted = Fitted.from_dict(entry)
    if len(fitted.calibration.curves) != classes:
        raise ValueError(f"it has {len(fitted.calibration.curves)} curves for {classes} classes")
    if entry["target"] not in TARGETS:
        raise ValueError(f"its target is {' or '.join(TARGETS)}, got {entry['target']}")
    return fitted
