"""Boxes of exported files against those of the Keras model: each by itself, and in AP.

Two networks that differ in the last digit can keep different ones of two equally good boxes, so lists of boxes cannot
be compared place by place. What holds whichever way ties fall: every box found is one of the reference's candidates;
every box of the reference is found, or hidden by a box found that is at least as sure; and no two boxes found hide each
other.
"""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...trainers.geometry import box_iou
from ...trainers.models.detector.suppression import CANDIDATES, USUAL, Suppression
from ..formats.variant import Variant
from .agreement import MEAN_DIFFERENCE, METRIC_DIFFERENCE, Agreement, Limit, Limits, Resampled

BOX_DIFFERENCE = 0.5
"""Largest difference of a box's side, in pixels of the input, that a file with float arithmetic may show."""
SCORE_UNIT = 1e-3  # what float32 allows of a score, as BOX_DIFFERENCE of a side
SLACK = 0.02
"""Of an IoU or a score that decides, where both sides differ within their tolerances."""
SURE = 0.1  # share of a picture's highest score from which on means are taken

Array = np.ndarray
Arrays = Sequence[np.ndarray]


@dataclass
class BoxAgreement(Agreement):
    """Compares boxes, in pixels of the input: float files must agree in every one, others in mean scores and in AP."""

    suppression: Suppression = USUAL
    candidates: int = CANDIDATES  # that enter the suppression, of the highest scores
    score: float = 0.0  # the largest difference from the reference's candidate nearest to it
    box: float = 0.0  # that of its sides
    missing: int = 0  # detections of the reference that are neither found nor hidden
    doubled: int = 0  # boxes found that a surer one, of their class unless classes do not matter, should have hidden
    scores: list[float] = field(default_factory=list)  # differences of detections that both found, by class and IoU
    boxes: list[float] = field(default_factory=list)  # mean differences of their sides
    ends: list[int] = field(default_factory=list)  # how many scores there were after each picture

    def add(self, expected: Any, found: Any, candidates: Any = None, inner: Any = None) -> None:
        """Take in the boxes of a batch."""
        for index, before_choice in enumerate(zip(*candidates)):
            # Without what fills the detections up.
            ours, theirs = ([part[index][: answer[3][index]] for part in answer[:3]] for answer in (found, expected))
            self.update(before_choice, theirs, ours, found[1].shape[1])

    def differences(self, variant: Variant) -> dict[str, float]:
        """Give the mean ones, and the largest ones of float files."""
        largest = {"largest_score_difference": self.score, "largest_box_difference": self.box}
        scores, boxes = (float(np.mean(values or [0.0])) for values in (self.scores, self.boxes))
        means = {"mean_score_difference": scores, "mean_box_difference": boxes}
        return means if variant.largest_difference is None else means | largest

    def limits(self, variant: Variant, metrics: dict[str, float], resampled: Resampled) -> Limits:
        """Hold float files to the largest differences, others to the mean one of scores and to AP."""
        if variant.largest_difference is not None:
            return {
                "largest difference of a score": Limit(self.score, variant.largest_difference),
                "largest difference of a box in pixels": Limit(self.box, BOX_DIFFERENCE),
                "number of missing boxes": Limit(self.missing, 0),
                "number of doubled boxes": Limit(self.doubled, 0),
            }
        # By picture the sum and the number of the scores' differences.
        rows = np.array([[sum(part), len(part)] for part in self._by_picture()])
        totals, numbers = resampled.sums(rows).T
        pictures, mean = len(rows), self.differences(variant)["mean_score_difference"]
        scores = totals / np.maximum(numbers, 1)
        return {
            "mean difference of a score": Limit(mean, MEAN_DIFFERENCE, scores, pictures),
            # A file that is better than the model it came from is not refused.
            "loss of AP": Limit(-metrics["ap"], METRIC_DIFFERENCE, -resampled.metrics["ap"], pictures),
        }

    def _by_picture(self) -> Iterator[list[float]]:
        """The differences of the scores, picture by picture."""
        for start, end in itertools.pairwise([0, *self.ends]):
            yield self.scores[start:end]

    def update(self, candidates: Arrays, reference: Arrays, found: Arrays, limit: int) -> None:
        """Take in one picture: candidates are all boxes [A, 4] and scores [A, C] before suppression."""
        # The other two are boxes [n, 4], scores [n] and classes [n] after it, `limit` at most.
        boxes, scores, classes = found
        floor, sure = self._floor(candidates[1], scores, limit), SURE * reference[1].max(initial=0.0)
        for index in np.union1d(classes, reference[2]).astype(int):
            ours = classes == index
            self._nearest(candidates[0], candidates[1][:, index], boxes[ours], scores[ours])
        for ours, theirs in self._together(classes, reference[2]):
            self._compare(boxes[ours], scores[ours], reference[0][theirs], reference[1][theirs], floor, sure)
        self.ends.append(len(self.scores))

    def _floor(self, candidate_scores: Array, scores: Array, limit: int) -> float:
        """Give the score up to which the limits of detections and of candidates may cut off others than in a file."""
        floor = float(scores.min()) if len(scores) == limit else 0.0
        if candidate_scores.size > self.candidates:
            floor = max(floor, float(np.partition(candidate_scores, -self.candidates, axis=None)[-self.candidates]))
        return floor + SLACK

    def _together(self, ours: Array, theirs: Array) -> Iterator[tuple[Array, Array]]:
        """Tell which boxes of two lists of classes can suppress each other, bool [n] and [m], group by group."""
        if self.suppression.per_class:
            for index in np.union1d(ours, theirs):
                yield ours == index, theirs == index
        else:
            yield np.ones(len(ours), bool), np.ones(len(theirs), bool)

    def _compare(
        self, boxes: Array, scores: Array, reference_boxes: Array, reference_scores: Array, floor: float, sure: float
    ) -> None:
        """Look for boxes that should have gone, and for each of the reference's among those found."""
        allowed = self.suppression.iou
        assert allowed is not None
        iou = box_iou(boxes, boxes)
        self.doubled += int((np.triu(iou, 1) > allowed + SLACK).any(axis=0).sum())
        for row, score in zip(box_iou(reference_boxes, boxes), reference_scores):
            if score > floor and not ((row > allowed - SLACK) & (scores >= score - SLACK)).any():
                self.missing += 1
        self._pair(boxes, scores, reference_boxes, reference_scores, allowed - SLACK, sure)

    def _pair(
        self, boxes: Array, scores: Array, reference_boxes: Array, reference_scores: Array, least: float, sure: float
    ) -> None:
        """Note by how much the reference's surer boxes differ from those found that overlap them more than that."""
        for row, box, score in zip(box_iou(reference_boxes, boxes), reference_boxes, reference_scores):
            if score >= sure and (row > least).any():
                best = int(row.argmax())
                self.scores.append(abs(float(scores[best]) - float(score)))
                self.boxes.append(float(np.abs(boxes[best] - box).mean()))

    def _nearest(self, candidate_boxes: Array, candidate_scores: Array, boxes: Array, scores: Array) -> None:
        """Look for each detection of one class among the reference's candidates."""
        if not len(boxes):
            return
        among = candidate_scores >= min(scores.min(), candidate_scores.max()) - SLACK
        candidate_boxes, candidate_scores = candidate_boxes[among], candidate_scores[among]
        for box, score in zip(boxes, scores):
            of_score = np.abs(candidate_scores - score)
            of_box = np.abs(candidate_boxes - box).max(axis=1)
            # Both in units of what float32 allows, so that neither is bought with the other.
            nearest = np.maximum(of_score / SCORE_UNIT, of_box / BOX_DIFFERENCE).argmin()
            self.score = max(self.score, float(of_score[nearest]))
            self.box = max(self.box, float(of_box[nearest]))
