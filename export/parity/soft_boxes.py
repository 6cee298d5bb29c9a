"""Boxes whose scores Soft-NMS has lowered, of exported files against those of the Keras model.

Where two candidates are about as sure, the one that comes first lowers the other, so neither boxes nor scores can be
compared place by place. What holds whichever way ties fall: every box found is one of the reference's candidates, with
its score lowered by all that were found before it; and every other candidate, lowered by all that were found, is no
surer than the last of them.
"""

from dataclasses import dataclass

import numpy as np

from ...trainers.geometry import box_iou
from .boxes import BOX_DIFFERENCE, SCORE_UNIT, SURE, Array, Arrays, BoxAgreement

_SAME = 0.5  # least IoU of two boxes whose scores are compared


@dataclass
class SoftBoxAgreement(BoxAgreement):
    """As `BoxAgreement`; of soft suppression, which doubles nothing."""

    def update(self, candidates: Arrays, reference: Arrays, found: Arrays, limit: int) -> None:
        """As `BoxAgreement.update`."""
        boxes, scores, classes = found
        # Up to this score the limit of candidates may cut off others, up to the last one's that of detections.
        floor, sure = self._floor(candidates[1], scores, limit), SURE * reference[1].max(initial=0.0)
        before = self._lowered_by(boxes, classes, boxes, classes, in_order=True)
        for index in range(candidates[1].shape[1]):
            ours = classes == index
            taken = self._lowest(candidates[0], candidates[1][:, index], boxes[ours], scores[ours], before[ours])
            left = candidates[1][:, index] > floor
            left[taken] = False
            if left.any():
                kinds = np.full(int(left.sum()), index)
                after = candidates[1][left, index] * self._lowered_by(candidates[0][left], kinds, boxes, classes)
                self.missing += int((after > floor).sum())
        for ours, theirs in self._together(classes, reference[2]):
            self._pair(boxes[ours], scores[ours], reference[0][theirs], reference[1][theirs], _SAME, sure)
        self.ends.append(len(self.scores))

    def _lowest(
        self, candidate_boxes: Array, candidate_scores: Array, boxes: Array, scores: Array, factors: Array
    ) -> list[int]:
        """Look for each box of one class among the candidates, whose scores were lowered by a factor; gives these."""
        taken = []
        for box, score, factor in zip(boxes, scores, factors):
            of_score = np.abs(candidate_scores * factor - score)
            of_box = np.abs(candidate_boxes - box).max(axis=1)
            nearest = int(np.maximum(of_score / SCORE_UNIT, of_box / BOX_DIFFERENCE).argmin())
            self.score = max(self.score, float(of_score[nearest]))
            self.box = max(self.box, float(of_box[nearest]))
            taken.append(nearest)
        return taken

    def _lowered_by(
        self, boxes: Array, classes: Array, others: Array, other_classes: Array, *, in_order: bool = False
    ) -> Array:
        """Give by what factor others lower the scores of boxes, float64 [n]; in order, those before each alone."""
        left = self.suppression.left(box_iou(boxes, others))
        if self.suppression.per_class:
            left = np.where(classes[:, None] == other_classes, left, 1.0)
        if in_order:
            left = np.where(np.tri(len(boxes), k=-1, dtype=bool), left, 1.0)
        factors: Array = left.prod(axis=1)
        return factors
