"""Boxes of a file with two stages against those of the Keras model: what it proposes, and what it makes of that.

Of two proposals that are equally sure a file may keep another one, of which its second stage makes another box. So the
stages are compared one by one: what the file proposes with what the first stage of the Keras model proposes, where the
rules of `BoxAgreement` allow for ties and for nothing else; and what the file finds with what the second stage of the
Keras model makes of the file's own proposals.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...trainers.models.detector.suppression import Suppression
from ..formats.variant import Variant
from ..signatures import PROPOSALS
from .agreement import Agreement, Limit, Limits, Resampled
from .boxes import Arrays, BoxAgreement


@dataclass(frozen=True)
class BetweenStages:
    """What a Keras model has between its stages, and behind the second, for a batch of pictures.

    Attributes:
        first: all boxes [B, N, 4] of the first stage, in pixels and cut at the edges, and their scores [B, N, 1].
        proposed: what it proposes of them, as the signature `PROPOSALS` has it.
        second: boxes [B, R, 4] and scores [B, R, C] that the second stage makes of that.
        at: from other proposals [B, R, 4] to these two, and to what the model finds then, see `Runner.__call__`.
    """

    first: Arrays
    proposed: Mapping[str, np.ndarray]
    second: Arrays
    at: Callable[[np.ndarray], tuple[Arrays, Arrays]]


class TwoStageAgreement(Agreement):
    """Compares both stages of float files, each box of each; what others find, as `BoxAgreement` does."""

    def __init__(self, behind: BoxAgreement, variant: Variant, proposals: Suppression, candidates: int) -> None:
        self._behind, self._proposed = behind, BoxAgreement(proposals, candidates=candidates)
        # A file of 8 bits has proposals of its own: whether its boxes are as good is all that can be asked.
        self.signature = PROPOSALS if variant.largest_difference is not None else ""

    def add(self, expected: Any, found: Any, candidates: Any = None, inner: Any = None) -> None:
        """As `Agreement.add`; candidates are what the Keras model has between its stages."""
        between: BetweenStages = candidates
        if inner is None:
            self._behind.add(expected, found, between.second)
            return
        self._proposed.add(_as_answer(between.proposed), _as_answer(inner), between.first)
        own, expected = between.at(inner["proposals"])
        self._behind.add(expected, found, own)

    def differences(self, variant: Variant) -> dict[str, float]:
        """Give those of the boxes found; the largest ones of float files are those of the proposals where they are."""
        found, before = self._behind.differences(variant), self._proposed.differences(variant)
        return {name: max(value, before[name]) if "largest" in name else value for name, value in found.items()}

    def limits(self, variant: Variant, metrics: dict[str, float], resampled: Resampled) -> Limits:
        """Hold the boxes found to what `BoxAgreement` says, and the proposals of float files, too."""
        limits = self._behind.limits(variant, metrics, resampled)
        if not self.signature:
            return limits
        of_proposals: dict[str, Limit] = self._proposed.limits(variant, metrics, resampled)
        return {f"{what} among proposals": limit for what, limit in of_proposals.items()} | limits


def _as_answer(proposed: Mapping[str, np.ndarray]) -> Arrays:
    """Give proposals as an answer with boxes of one class."""
    boxes, scores, count = (proposed[name] for name in ("proposals", "objectness", "proposal_count"))
    return boxes, scores, np.zeros(scores.shape, np.int32), count
