"""The detection losses as slow, obvious float64 NumPy: one positive after another, all pairs.

Each function takes vectors of the entries that count (labels 1 and 0) and, where the loss reads it, a value per entry
of its box. It gives the values of its parts, and for each part the gradient with respect to scores and to boxes.
"""

import numpy as np

from . import References
from .correlation import correlation

EPSILON = 1e-7
PROPERLY_RANKED = 1e-5


def step(x, delta):
    """Chen et al., CVPR 2019, eq. 14."""
    return np.clip(x / (2 * delta) + 0.5, 0, 1)


def counts(labels, scores, delta):
    """Give for each positive: H of each negative, H of each positive (0 for itself), rank among positives, rank."""
    positives, negatives = scores[labels == 1], scores[labels == 0]
    h_negatives = step(negatives[None, :] - positives[:, None], delta)
    h_positives = step(positives[None, :] - positives[:, None], delta)
    np.fill_diagonal(h_positives, 0)
    among_positives = 1 + h_positives.sum(1)
    return h_negatives, h_positives, among_positives, among_positives + h_negatives.sum(1)


def error_driven(labels, h_negatives, excess, normaliser):
    """Oksuz et al., NeurIPS 2020, Algorithm 1, with the primary terms excess(i) H_ij / FP(i)."""
    gradient = np.zeros(len(labels))
    positives, negatives = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    for i in range(len(positives)):
        false_positives = h_negatives[i].sum()
        if false_positives > PROPERLY_RANKED:
            gradient[positives[i]] -= excess[i] / normaliser
            gradient[negatives] += excess[i] * h_negatives[i] / false_positives / normaliser
    return gradient


def with_error(labels, scores, errors, delta, normaliser=None):
    h_negatives, _, among_positives, rank = counts(labels, scores, delta)
    if not len(rank):
        return 0.0, np.zeros(len(labels))
    error = errors(h_negatives.sum(1), among_positives, rank)
    normaliser = len(rank) if normaliser is None else normaliser
    return error.sum() / normaliser, error_driven(labels, h_negatives, error, normaliser)


def one_part(value, gradient):
    return np.array([value]), gradient[None], np.zeros((1, len(gradient)))


def ap(labels, scores, boxes=None, *, delta=1.0, interpolated=False):
    def errors(false_positives, _, rank):
        error = false_positives / rank
        if interpolated:
            own = scores[labels == 1]
            error = np.array([error[own <= score].min() for score in own])
        return error

    return one_part(*with_error(labels, scores, errors, delta))


def auc(labels, scores, boxes=None, *, delta=1.0):
    negatives = max((labels == 0).sum(), 1)
    return one_part(*with_error(labels, scores, lambda false_positives, _, __: false_positives / negatives, delta))


def ndcg(labels, scores, boxes=None, *, delta=1.0):
    best = (1 / np.log2(1 + np.arange(1, (labels == 1).sum() + 1))).sum()

    def errors(_, among_positives, rank):
        return 1 / np.log2(1 + among_positives) - 1 / np.log2(1 + rank)

    return one_part(*with_error(labels, scores, errors, delta, best))


def alrp(labels, scores, boxes, *, delta=1.0, clip_error=False):
    h_negatives, h_positives, _, rank = counts(labels, scores, delta)
    scores_gradient, boxes_gradient = np.zeros((2, len(labels))), np.zeros((2, len(labels)))
    if not len(rank):
        return np.zeros(2), scores_gradient, boxes_gradient
    given = boxes[labels == 1]
    error = np.minimum(given, 1) if clip_error else given
    false_positives = h_negatives.sum(1)
    above = h_positives @ error
    values = np.array([(false_positives / rank).mean(), ((error + above) / rank).mean()])
    scores_gradient[0] = error_driven(labels, h_negatives, (false_positives + above) / rank, len(rank))
    slope = (1 / rank + h_positives.T @ (1 / rank)) / len(rank)
    boxes_gradient[1, labels == 1] = np.where(clip_error & (given > 1), 0, slope)
    return values, scores_gradient, boxes_gradient


def rank_sort(labels, scores, boxes, *, delta=0.5):
    h_negatives, h_positives, _, _ = counts(labels, scores, delta)
    np.fill_diagonal(h_positives, 0.5)
    count = len(h_positives)
    gradients = np.zeros((2, len(labels)))
    if not count:
        return np.zeros(2), gradients, np.zeros_like(gradients)
    quality = boxes[labels == 1]
    false_positives, rank = h_negatives.sum(1), h_positives.sum(1) + h_negatives.sum(1)
    gradients[0] = error_driven(labels, h_negatives, false_positives / rank, count)
    sorting, push = 0.0, np.zeros(count)
    for i in range(count):
        h = h_positives[i]
        rightly = quality >= quality[i]
        current = (h * (1 - quality)).sum() / h.sum()
        target = (h * (1 - quality))[rightly].sum() / h[rightly].sum()
        sorting += (current - target) / count
        missorted = np.where(rightly, 0, h)
        if missorted.sum() > PROPERLY_RANKED:
            push[i] -= (current - target) / count
            push += (current - target) * missorted / missorted.sum() / count
    gradients[1, labels == 1] = push
    return np.array([(false_positives / rank).mean(), sorting]), gradients, np.zeros_like(gradients)


def focal(labels, scores, boxes=None, *, alpha=0.25, gamma=2.0):
    raw = np.exp(-np.logaddexp(0, -scores))
    p = np.clip(raw, EPSILON, 1 - EPSILON)
    # Keras clips in the logarithm, and not in the factor before it
    entropy = np.where(labels == 1, -np.log(p), -np.log(1 - p))
    factor = np.where(labels == 1, alpha, 1 - alpha) * np.where(labels == 1, 1 - raw, raw) ** gamma
    positives = max((labels == 1).sum(), 1)
    sign = np.where(labels == 1, -1, 1)
    of_entropy = np.where(p == raw, np.where(labels == 1, raw - 1, raw), 0)
    of_factor = gamma * factor * sign * np.where(labels == 1, raw, 1 - raw)
    return one_part((factor * entropy).sum() / positives, (factor * of_entropy + of_factor * entropy) / positives)


def cross_entropy_ohem(labels, scores, boxes=None, *, negatives_per_positive=3.0):
    positives = (labels == 1).sum()
    if positives == 0:
        return one_part(0.0, np.zeros(len(labels)))
    wanted = int(negatives_per_positive * positives)
    negatives = scores[labels == 0]
    weight = (labels == 1).astype(float)
    if wanted >= len(negatives):
        weight[:] = 1
    elif wanted:
        level = np.sort(negatives)[-wanted]
        share = (wanted - (negatives > level).sum()) / (negatives == level).sum()
        weight[labels == 0] = np.where(negatives > level, 1, np.where(negatives == level, share, 0))
    entropy = np.logaddexp(0, np.where(labels == 1, -scores, scores))
    p = np.exp(-np.logaddexp(0, -scores))
    return one_part((weight * entropy).sum() / positives, weight * (p - labels) / positives)


def varifocal(labels, scores, boxes, *, alpha=0.75, gamma=2.0):
    value, gradient = 0.0, np.zeros(len(labels))
    for place, (label, score) in enumerate(zip(labels, scores)):
        p, log_p, log_not_p = np.exp(-np.logaddexp(0, -score)), -np.logaddexp(0, -score), -np.logaddexp(0, score)
        q = boxes[place] if label == 1 else 0
        # Zhang et al., CVPR 2021, eq. 2
        if q > 0:
            value += -q * (q * log_p + (1 - q) * log_not_p)
            gradient[place] = q * (p - q)
        else:
            value += -alpha * p**gamma * log_not_p
            gradient[place] = alpha * p**gamma * (p - gamma * (1 - p) * log_not_p)
    positives = max((labels == 1).sum(), 1)
    return one_part(value / positives, gradient / positives)


def quality_focal(labels, scores, boxes, *, beta=2.0):
    value, gradient = 0.0, np.zeros(len(labels))
    for place, (label, score) in enumerate(zip(labels, scores)):
        p, not_p = np.exp(-np.logaddexp(0, -score)), np.exp(-np.logaddexp(0, score))
        y = boxes[place] if label == 1 else 0
        # Li et al., NeurIPS 2020, eq. 5, with log p = score + log(1 - p)
        entropy = np.logaddexp(0, score) - y * score
        beyond = p - y if score < 0 else (1 - y) - not_p
        value += abs(beyond) ** beta * entropy
        if beyond:
            slope = beta * abs(beyond) ** (beta - 1) * np.sign(beyond) * p * not_p
            gradient[place] = slope * entropy + abs(beyond) ** beta * beyond
    positives = max((labels == 1).sum(), 1)
    return one_part(value / positives, gradient / positives)


def anchor_cross_entropy(labels, scores, boxes=None):
    value, gradient = 0.0, np.zeros(len(labels))
    for place, (label, score) in enumerate(zip(labels, scores)):
        value += np.logaddexp(0, -score) if label == 1 else np.logaddexp(0, score)
        gradient[place] = np.exp(-np.logaddexp(0, -score)) - label
    return one_part(value / max(len(labels), 1), gradient / max(len(labels), 1))


REFERENCES = References(
    "ranking_losses.py",
    {
        "ap": ap,
        "auc": auc,
        "ndcg": ndcg,
        "alrp": alrp,
        "rank_sort": rank_sort,
        "focal": focal,
        "cross_entropy_ohem": cross_entropy_ohem,
        "varifocal": varifocal,
        "quality_focal": quality_focal,
        "correlation": correlation,
        "anchor_cross_entropy": anchor_cross_entropy,
    },
)


def reference(name, labels, scores, boxes=None, *, upstream=1.0, **hyperparameters):
    """Apply a loss to labels, scores and boxes of any shape, with labels other than 1 and 0 ignored.

    Args:
        name: a key of `REFERENCES`.
        labels: array of any shape.
        scores: array of that shape.
        boxes: array of that shape, or with 1 as its last axis.
        upstream: a number, or one for each part of the loss.
        **hyperparameters: of the loss; `max_positives` changes nothing.

    Returns:
        The values of the parts, and Σ upstream · gradient with respect to scores and boxes in their own shapes.
    """
    hyperparameters.pop("max_positives", None)
    labels, scores = np.asarray(labels), np.asarray(scores, np.float64)
    counted = (labels == 1) | (labels == 0)
    spread = None if boxes is None else np.broadcast_to(np.asarray(boxes, np.float64), labels.shape)
    given = None if spread is None else spread[counted]
    values, to_scores, to_boxes = REFERENCES[name](
        labels[counted].astype(int), scores[counted], given, **hyperparameters
    )
    factors = np.broadcast_to(upstream, values.shape)
    score_gradient, spread_gradient = np.zeros(labels.shape), np.zeros(labels.shape)
    score_gradient[counted], spread_gradient[counted] = factors @ to_scores, factors @ to_boxes
    if boxes is not None and np.shape(boxes) != labels.shape:
        spread_gradient = spread_gradient.sum(-1, keepdims=True)
    return values, score_gradient, spread_gradient
