"""AP-Loss (Chen et al., CVPR 2019, Algorithm 1) and aLRP (Oksuz et al., NeurIPS 2020) as loops over positives."""

from typing import NamedTuple

import numpy as np

PROPERLY_RANKED = 1e-5


class LoopResult(NamedTuple):
    """The loss (of aLRP the sum of its parts), its gradients float32 [N], and how many pairs were compared."""

    value: float
    gradient: np.ndarray
    error_gradient: np.ndarray | None
    pairs: int


def loop_over_positives(
    labels: np.ndarray, scores: np.ndarray, errors: np.ndarray | None = None, *, delta: float = 1.0
) -> LoopResult:
    """Compute AP-Loss of labels int [N] and logits [N], or aLRP where errors [N] are given, and its gradients."""
    # labels are 1 positive, 0 negative, -1 ignored; `delta` is half the step's width
    positives = np.flatnonzero(labels == 1)
    own = scores[positives]
    # the usual filter: a negative below every positive's reach touches nothing
    kept = np.flatnonzero((labels == 0) & (scores > own.min() - delta))
    # H(x) = clip(x / 2δ + 1/2, 0, 1), with the division done once
    scale = np.float32(1 / (2 * delta))
    negatives, own = scores[kept] * scale, own * scale
    step, to_negatives = np.empty_like(negatives), np.zeros_like(negatives)
    to_positives, slope = np.zeros_like(own), np.zeros_like(own)
    own_errors = np.zeros_like(own) if errors is None else errors[positives]
    count, value = len(positives), 0.0
    for index, score in enumerate(own):
        np.subtract(negatives, score - np.float32(0.5), out=step)
        np.clip(step, 0, 1, out=step)
        false_positives = float(step.sum())
        among = np.clip(own - (score - np.float32(0.5)), 0, 1)
        among[index] = 0
        rank = 1 + float(among.sum()) + false_positives
        above = float(among @ own_errors)
        value += (false_positives + above + float(own_errors[index])) / rank / count
        among[index] = 1
        slope += among * np.float32(1 / rank / count)
        if false_positives > PROPERLY_RANKED:
            push = (false_positives + above) / rank / count
            to_positives[index] = -push
            np.multiply(step, np.float32(push / false_positives), out=step)
            np.add(to_negatives, step, out=to_negatives)
    gradient = np.zeros_like(scores)
    gradient[positives], gradient[kept] = to_positives, to_negatives
    error_gradient = None if errors is None else np.zeros_like(scores)
    if error_gradient is not None:
        error_gradient[positives] = slope
    return LoopResult(value, gradient, error_gradient, count * len(kept))
