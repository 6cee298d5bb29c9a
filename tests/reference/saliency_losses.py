"""The saliency losses as slow, obvious float64 NumPy: one image after another, one formula after another.

Each function takes images as vectors of the pixels that count, and gives the value and the gradient of each image.
"""

import numpy as np

from . import References

EPSILON = 1e-7


def sigmoid(z):
    return np.exp(-np.logaddexp(0.0, -z))


def log_sum_exp(x):
    return x.max() + np.log(np.exp(x - x.max()).sum())


def through_sigmoid(gradient, prediction, from_logits):
    return gradient * sigmoid(prediction) * sigmoid(-prediction) if from_logits else gradient


def overlap_loss(images, from_logits, empty_target, formula):
    """Apply `formula`(y, p, w) -> (loss, dL/dp) to each image with a mask, and the policy to each without."""
    results = []
    for y, prediction, w in images:
        p = sigmoid(prediction) if from_logits else prediction
        if w.sum() == 0:
            value, gradient = 0.0, np.zeros_like(p)
        elif (w * y).sum() > 0:
            value, gradient = formula(y, p, w)
        elif empty_target == "paper":
            value, gradient = 1.0, np.zeros_like(p)
        else:
            value, gradient = (w * p).sum() / w.sum(), w / w.sum()
        results.append((value, through_sigmoid(gradient, prediction, from_logits)))
    return results


def floss(images, *, beta2=0.3, from_logits=False, empty_target="paper"):
    def formula(y, p, w):
        true_positives = (w * p * y).sum()
        false_positives = (w * p * (1 - y)).sum()
        false_negatives = (w * (1 - p) * y).sum()
        h = beta2 * (true_positives + false_negatives) + (true_positives + false_positives)
        value = 1 - (1 + beta2) * true_positives / h
        return value, w * ((1 + beta2) * true_positives / h**2 - (1 + beta2) * y / h)

    return overlap_loss(images, from_logits, empty_target, formula)


def soft_iou(images, *, from_logits=False, empty_target="paper"):
    def formula(y, p, w):
        intersection = (w * p * y).sum()
        union = (w * (p + y)).sum() - intersection
        d_intersection, d_union = w * y, w - w * y
        return 1 - intersection / union, -(d_intersection * union - intersection * d_union) / union**2

    return overlap_loss(images, from_logits, empty_target, formula)


def log_floss(images, *, beta2=0.3, from_logits=False, empty_target="paper"):
    results = []
    for y, prediction, w in images:
        z = prediction
        p = sigmoid(z) if from_logits else prediction
        value, gradient = 0.0, np.zeros_like(p)
        salient = w * y > 0
        if salient.any():
            h = (w * (beta2 * y + p)).sum()
            if from_logits:
                log_terms = np.log((w * y)[salient]) - np.logaddexp(0.0, -z[salient])
                log_true_positives = log_sum_exp(log_terms)
                gradient = w * p * sigmoid(-z) / h
                gradient[salient] -= np.exp(log_terms - log_true_positives) * sigmoid(-z[salient])
            else:
                true_positives = max((w * y * p).sum(), EPSILON * (w * y).sum())
                log_true_positives = np.log(true_positives)
                gradient = w / h - w * y / true_positives
            value = -np.log(1 + beta2) - log_true_positives + np.log(h)
        elif empty_target == "suppress" and w.sum() > 0:
            if from_logits:
                log_terms = np.log(w[w > 0]) - np.logaddexp(0.0, z[w > 0])
                value = np.log(w.sum()) - log_sum_exp(log_terms)
                gradient[w > 0] = np.exp(log_terms - log_sum_exp(log_terms)) * sigmoid(z[w > 0])
            else:
                left = max((w * (1 - p)).sum(), EPSILON * w.sum())
                value, gradient = -np.log(left / w.sum()), w / left
        results.append((value, gradient))
    return results


def entropy_and_gradient(y, prediction, from_logits):
    if from_logits:
        return y * np.logaddexp(0, -prediction) + (1 - y) * np.logaddexp(0, prediction), sigmoid(prediction) - y
    p = np.clip(prediction, EPSILON, 1 - EPSILON)
    gradient = (1 - y) / (1 - p) - y / p
    return -y * np.log(p) - (1 - y) * np.log(1 - p), np.where(p == prediction, gradient, 0)


def cross_entropy(images, *, from_logits=False):
    results = []
    for y, prediction, w in images:
        entropy, gradient = entropy_and_gradient(y, prediction, from_logits)
        total = w.sum() or 1.0
        results.append(((w * entropy).sum() / total, w * gradient / total))
    return results


def balanced_cross_entropy(images, *, from_logits=False):
    everything = sum(w.sum() for _, _, w in images) or 1.0
    w1 = sum((w * (1 - y)).sum() for y, _, w in images) / everything
    w0 = sum((w * y).sum() for y, _, w in images) / everything
    results = []
    for y, prediction, w in images:
        entropy, gradient = entropy_and_gradient(y, prediction, from_logits)
        class_weight = w1 * y + w0 * (1 - y)
        total = w.sum() or 1.0
        results.append(((w * class_weight * entropy).sum() / total, w * class_weight * gradient / total))
    return results


REFERENCES = References(
    "saliency_losses.py",
    {
        "floss": floss,
        "log_floss": log_floss,
        "cross_entropy": cross_entropy,
        "balanced_cross_entropy": balanced_cross_entropy,
        "soft_iou": soft_iou,
    },
)


def reference(name, y_true, y_pred, *, ignore_label=None, sample_weight=None, **hyperparameters):
    """Return the value [B] and the gradient [B, H, W] of each image's own value, in float64."""
    y_true = np.asarray(y_true).astype(np.float64)
    y_pred = np.asarray(y_pred).astype(np.float64)
    weight = np.ones_like(y_pred) if sample_weight is None else np.asarray(sample_weight).astype(np.float64)
    kept = np.ones(y_true.shape, bool) if ignore_label is None else y_true != ignore_label
    images = [(y_true[b][kept[b]], y_pred[b][kept[b]], weight[b][kept[b]]) for b in range(len(y_true))]
    values = np.zeros(len(y_true))
    gradients = np.zeros_like(y_pred)
    for b, (value, gradient) in enumerate(REFERENCES[name](images, **hyperparameters)):
        values[b] = value
        gradients[b][kept[b]] = gradient
    return values, gradients
