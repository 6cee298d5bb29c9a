"""Error-driven ranking losses in general (Oksuz et al., NeurIPS 2020, section 3): an error per positive, and gradients.

A ranking loss is Σ_i ℓ(i)/Z over the positives i. Where i has false positives, the excess of its error over the target
it would have if it were ranked properly, (ℓ − ℓ*)(i), pushes i up and the negatives j down, each by its share
p(j|i) = H_ij/FP(i) of them (Algorithm 1), with the piecewise step H_ij = H(s_j − s_i) (Chen et al., CVPR 2019, eq. 14).
"""

import functools
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ..checks import check_hyperparameters
from ..replicas import Replicas
from ..tensors import Tensor
from .gathered import GatheredPositives, Parts, parts_of_positives
from .positives import Positives
from .step_sums import StepSums
from .step_sums.keyed_sums import KeyedSums

PROPERLY_RANKED = 1e-5  # a positive with fewer false positives than this gets the gradient 0


class Ranking(GatheredPositives):
    """Where each positive stands among the entries of a batch."""

    def __init__(
        self, positives: Positives, is_negative: Tensor, scores: Tensor, replicas: Replicas, delta: float
    ) -> None:
        super().__init__(positives, is_negative, scores, replicas)
        total = replicas.sum if replicas.joined > 1 else None
        self._sums = StepSums(scores, is_negative, self.scores, self.valid, delta, total=total)
        # FP(i) = Σ_j H_ij over the negatives j, and 1 + Σ_k H_ik over the positives k ≠ i: float32 [S]
        self.false_positives = self._sums.false_positives
        self.rank_among_positives = 1 + self.over_positives(tf.ones_like(self.scores))
        self.rank = self.rank_among_positives + self.false_positives

    def over_positives(self, weights: Tensor) -> Tensor:
        """Sum weights · H_ik over the positives k ≠ i, [S]: those above i."""
        return self._sums.over_positives(self.only_valid(weights))

    def below_positives(self, weights: Tensor) -> Tensor:
        """Sum weights · H_ki over the positives k ≠ i, [S]: those that i stands above."""
        return self._sums.under_positives(self.only_valid(weights))

    def by_keys(self, keys: Tensor) -> KeyedSums:
        """Part the sums over positives by keys of these, [S]."""
        return self._sums.by_keys(keys)

    def gradient(self, excess: Tensor, normaliser: Tensor) -> Tensor:
        """Spread the excess errors (ℓ − ℓ*)(i)/Z, [S], over the positives and the negatives above them, [N]."""
        misranked = self.valid & (self.false_positives > PROPERLY_RANKED)
        push = tf.where(misranked, tf.math.divide_no_nan(excess, normaliser), 0)
        # eq. 5: dL/ds_j = Σ_i (ℓ − ℓ*)(i) H_ij / FP(i) / Z of a negative, dL/ds_i = −(ℓ − ℓ*)(i) / Z of a positive
        to_negatives = self._sums.to_negatives(tf.math.divide_no_nan(push, self.false_positives))
        return self._add_at_entries(to_negatives, -push)


def ranking_parts(
    labels: Tensor,
    scores: Tensor,
    parts: Parts,
    *boxes: Tensor,
    delta: float,
    max_positives: int | None,
    one_hot: bool,
    scope: str,
) -> tuple[Tensor, ...]:
    """Compute the parts of a ranking loss, `parts` of a `Ranking`; the others as in `parts_of_positives`."""
    check_hyperparameters(delta=delta)
    gather = functools.partial(Ranking, delta=delta)
    return parts_of_positives(
        labels, scores, gather, parts, *boxes, max_positives=max_positives, one_hot=one_hot, scope=scope
    )


def ranking_loss(
    labels: Tensor, scores: Tensor, errors: Callable[[Ranking], tuple[Tensor, Tensor]], **hyperparameters: Any
) -> Tensor:
    """Compute a ranking loss Σ_i ℓ(i)/Z whose target is 0, ℓ* = 0, from a function that gives ℓ(i), [S], and Z."""

    def parts(ranking: Ranking) -> tuple[Tensor, Tensor]:
        error, normaliser = errors(ranking)
        return ranking.total(error, normaliser), ranking.gradient(error, normaliser)

    return ranking_parts(labels, scores, parts, **hyperparameters)[0]
