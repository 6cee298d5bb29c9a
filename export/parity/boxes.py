"""Boxes of exported files against those of the Keras model: each by itself, and in AP.

Two networks that differ in the last digit can keep different ones of two equally good boxes, so lists of boxes cannot
be compared place by place. What holds whichever way ties fall: every box found is one of the reference's candidates;
every box of the reference is found, or hidden by a box found that is at least as sure; and no two boxes found hide each
other.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ...trainers.data.example import Source
from ...trainers.errors import MetricfitError
from ...trainers.geometry import box_iou
from ...trainers.judge.boxes import DetectionReport
from ...trainers.tasks import get_task
from ...trainers.tasks.base import CompiledModel
from ..runners.runner import Runner
from .limits import LARGEST_DIFFERENCE, MEAN_DIFFERENCE, METRIC_DIFFERENCE, hold_to

BOX_DIFFERENCE = 0.5
"""Largest difference of a box's side, in pixels of the input, that a file with float arithmetic may show."""
_IOU_THRESHOLD = 0.5  # that of `detections`
_CANDIDATES = 1000  # likewise
_SLACK = 0.02  # of an IoU or a score that decides, where both sides differ within their tolerances
_SURE = 0.1  # share of a picture's highest score from which on means are taken


@dataclass
class Agreement:
    """How far an exported file's boxes are from the Keras model's.

    Attributes:
        score: largest difference of a score from the reference's candidate nearest to it.
        box: largest difference of a box's side from that candidate, in pixels of the input.
        missing: detections of the reference that are neither found nor hidden.
        doubled: boxes found that a surer one of their class should have hidden.
        scores: differences of the scores of detections that both found, by class and IoU.
        boxes: mean differences of their sides.
    """

    score: float = 0.0
    box: float = 0.0
    missing: int = 0
    doubled: int = 0
    scores: list[float] = field(default_factory=list)
    boxes: list[float] = field(default_factory=list)

    def update(self, candidates: tuple, reference: tuple, found: tuple, limit: int) -> None:
        """Take in one picture.

        Args:
            candidates: the reference's boxes [A, 4] and scores [A, C] before suppression.
            reference: its boxes [n, 4], scores [n] and classes [n] after it.
            found: the file's.
            limit: how many detections there are at most.
        """
        boxes, scores, classes = found
        floor = _floor(candidates[1], scores, limit)
        for index in np.union1d(classes, reference[2]).astype(int):
            ours, theirs = classes == index, reference[2] == index
            mine = boxes[ours], scores[ours]
            self._nearest(candidates[0], candidates[1][:, index], *mine)
            iou = box_iou(mine[0], mine[0])
            self.doubled += int((np.triu(iou, 1) > _IOU_THRESHOLD + _SLACK).any(axis=0).sum())
            self._pair(*mine, reference[0][theirs], reference[1][theirs], floor, _SURE * reference[1].max(initial=0.0))

    def _nearest(self, candidate_boxes, candidate_scores, boxes, scores) -> None:
        """Look for each detection of one class among the reference's candidates."""
        if not len(boxes):
            return
        among = candidate_scores >= min(scores.min(), candidate_scores.max()) - _SLACK
        candidate_boxes, candidate_scores = candidate_boxes[among], candidate_scores[among]
        for box, score in zip(boxes, scores):
            of_score = np.abs(candidate_scores - score)
            of_box = np.abs(candidate_boxes - box).max(axis=1)
            # Both in units of what float32 allows, so that neither is bought with the other.
            nearest = np.maximum(of_score / LARGEST_DIFFERENCE["none"], of_box / BOX_DIFFERENCE).argmin()
            self.score = max(self.score, float(of_score[nearest]))
            self.box = max(self.box, float(of_box[nearest]))

    def _pair(self, boxes, scores, reference_boxes, reference_scores, floor: float, sure: float) -> None:
        """Look for each of the reference's detections of one class among those found."""
        for row, box, score in zip(box_iou(reference_boxes, boxes), reference_boxes, reference_scores):
            near = row > _IOU_THRESHOLD - _SLACK
            if score > floor and not (near & (scores >= score - _SLACK)).any():
                self.missing += 1
            if score >= sure and near.any():
                best = int(row.argmax())
                self.scores.append(abs(float(scores[best]) - float(score)))
                self.boxes.append(float(np.abs(boxes[best] - box).mean()))


def _floor(candidate_scores: np.ndarray, scores: np.ndarray, limit: int) -> float:
    """Give the score up to which the limits of detections and of candidates may cut off other boxes than in a file."""
    floor = float(scores.min()) if len(scores) == limit else 0.0
    if candidate_scores.size > _CANDIDATES:
        floor = max(floor, float(np.partition(candidate_scores, -_CANDIDATES, axis=None)[-_CANDIDATES]))
    return floor + _SLACK


@dataclass(frozen=True)
class Measured:
    """What one model did on the validation data.

    Attributes:
        report: its AP and LRP.
        class_names: names of the model's classes.
        agreement: with the reference; None for that itself.
    """

    report: DetectionReport
    class_names: tuple[str, ...]
    agreement: Agreement | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """The scalars of the report, without thresholds."""
        left_out = ("f1_threshold", "lrp_threshold", "band_low", "band_high")
        return {name: float(value) for name, value in self.report.scalars.items() if name not in left_out}

    @property
    def thresholds(self) -> dict:
        """The threshold of the best F1 and its band, and each class's at its optimal LRP (else that of all)."""
        scalars = self.report.scalars
        optimal = float(scalars.get("f1_threshold", 0.5))
        classes = self.report.class_scalars
        return {
            "optimal": optimal,
            "band": [float(scalars.get(name, optimal)) for name in ("band_low", "band_high")],
            "per_class": [float(classes.get(name, {}).get("threshold", optimal)) for name in self.class_names],
        }


def compare(
    reference: Runner,
    candidates: Callable,
    files: dict[str, Runner],
    source: Source,
    *,
    batch_size: int = 8,
    quiet: bool = False,
) -> tuple[Measured, dict[str, Measured]]:
    """Run a reference model and exported files over the same data.

    Args:
        reference: the Keras model.
        candidates: from uint8 pictures [B, S, S, 3] to its boxes [B, A, 4] and scores [B, A, C] before suppression.
        files: the exported files by name, of the same input size.
        source: examples with boxes.
        batch_size: pictures at a time.
        quiet: no progress bar.

    Returns:
        What the reference did, and what each file did.

    Raises:
        MetricfitError: a file gives values that are no numbers.
    """
    kept: dict[str, dict[bytes, tuple]] = defaultdict(dict)
    agreements = {name: Agreement() for name in files}

    def predict(images):
        expected, raw = reference(images), candidates(images)
        for name, runner in files.items():
            found = runner(images)
            if not all(np.isfinite(part).all() for part in found):
                raise MetricfitError(f"{runner.path} gives values that are no numbers")
            for index, image in enumerate(images):
                kept[name][_key(image)] = tuple(part[index] for part in found)
                agreements[name].update(
                    tuple(part[index] for part in raw),
                    _counted(expected, index),
                    _counted(found, index),
                    limit=found[1].shape[1],
                )
        return expected

    def measured(predict, agreement=None):
        model = CompiledModel(predict, reference.size, reference.resizing, reference.class_names)
        report = get_task("detection").evaluate(
            model, source, batch_size=batch_size, quiet=quiet or agreement is not None
        )
        return Measured(report, reference.class_names, agreement)

    def again(name):
        # The files have seen every picture above; here their answers are only judged.
        return lambda images: tuple(map(np.stack, zip(*(kept[name][_key(image)] for image in images))))

    of_reference = measured(predict)
    return of_reference, {name: measured(again(name), agreements[name]) for name in files}


def check(name: str, variant: str, reference: Measured, measured: Measured) -> dict[str, float]:
    """Hold an exported file to its tolerance.

    Float files must agree in every box and score; dynamic and int8 ones in the scores on average, and in AP.

    Args:
        name: the file, for the error.
        variant: `saved_model` or a quantisation of TFLite.
        reference: what the Keras model did.
        measured: what the file did on the same data.

    Returns:
        The differences, for the card: those of metrics are the file's minus the Keras model's, the largest of a score
        and of a box are there for float files only.

    Raises:
        MetricfitError: a difference is too large.
    """
    agreement = measured.agreement
    found, wanted = measured.report.scalars, reference.report.scalars
    metrics = {metric: found[metric] - wanted[metric] for metric in ("ap", "ap50", "olrp")}
    mean_score, mean_box = (float(np.mean(values or [0.0])) for values in (agreement.scores, agreement.boxes))
    differences = {
        "mean_score_difference": mean_score,
        "mean_box_difference": mean_box,
        **{f"{metric}_difference": value for metric, value in metrics.items()},
    }
    if variant in LARGEST_DIFFERENCE:
        differences |= {"largest_score_difference": agreement.score, "largest_box_difference": agreement.box}
        limits = {
            "largest difference of a score": (agreement.score, LARGEST_DIFFERENCE[variant]),
            "largest difference of a box in pixels": (agreement.box, BOX_DIFFERENCE),
            "number of missing boxes": (agreement.missing, 0),
            "number of doubled boxes": (agreement.doubled, 0),
        }
    else:
        limits = {
            "mean difference of a score": (mean_score, MEAN_DIFFERENCE),
            # A file that is better than the model it came from is not refused.
            "loss of AP": (-metrics["ap"], METRIC_DIFFERENCE),
        }
    hold_to(name, variant, limits)
    return differences


def _key(image: np.ndarray) -> bytes:
    return hashlib.sha256(image.tobytes()).digest()


def _counted(found: tuple, index: int) -> tuple:
    """Give boxes, scores and classes of one picture, without what fills them up."""
    count = int(found[3][index])
    return tuple(part[index][:count] for part in found[:3])
