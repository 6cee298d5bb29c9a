"""The segmentation losses as slow, obvious float64 NumPy: one group, one class, one pixel after another.

Straight from Berman et al., CVPR 2018: the Jaccard loss as a function of the set of mispredicted pixels, and its Lovász
extension by asking that function after each pixel.
"""

from itertools import permutations

import numpy as np

from . import References

EPSILON = 1e-7


def jaccard_loss(mispredicted, foreground):
    """Eq. 6, of two bool vectors."""
    union = foreground | mispredicted
    return mispredicted.sum() / union.sum() if union.any() else 0.0


def growth(order, foreground):
    """Eq. 9: what the Jaccard loss grows by as pixels are mispredicted in that order; one value per pixel."""
    mispredicted = np.zeros(len(foreground), bool)
    weights = np.zeros(len(foreground))
    for pixel in order:
        before = jaccard_loss(mispredicted, foreground)
        mispredicted[pixel] = True
        weights[pixel] = jaccard_loss(mispredicted, foreground) - before
    return weights


def lovasz_extension(errors, foreground):
    """Eq. 8: the value, and its gradient with respect to the errors."""
    weights = growth(np.argsort(-errors, kind="stable"), foreground)
    return (weights * errors).sum(), weights


def largest_over_all_orders(errors, foreground):
    """The same value without a sort: of a submodular function the extension is the largest over all orders."""
    return max((growth(order, foreground) * errors).sum() for order in permutations(range(len(errors))))


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def sigmoid(z):
    return np.exp(-np.logaddexp(0.0, -z))


def average_of_classes(foreground, counted, errors_of, classes, class_weights):
    """Average the extensions of the classes of one group; gives the value and the slope of each error, [n, C]."""
    n, count = foreground.shape
    values, slopes, weights = np.zeros(count), np.zeros((n, count)), np.zeros(count)
    for c in range(count):
        kept = counted[:, c]
        if kept.any():
            values[c], slopes[kept, c] = lovasz_extension(errors_of(c)[kept], foreground[kept, c])
        named = classes in ("present", "all") or c in classes
        if named and (classes != "present" or foreground[kept, c].any()):
            weights[c] = 1.0 if class_weights is None else class_weights[c]
    total = weights.sum() or 1.0
    return (weights * values).sum() / total, slopes * weights / total


def lovasz_softmax(
    foreground, counted, prediction, exclusive, *, from_logits=False, classes="present", class_weights=None
):
    p = prediction
    if from_logits:
        p = softmax(prediction) if exclusive else sigmoid(prediction)
    errors = np.where(foreground, 1 - p, p)
    value, slopes = average_of_classes(foreground, counted, lambda c: errors[:, c], classes, class_weights)
    gradient = np.where(foreground, -slopes, slopes)
    if from_logits and exclusive:
        gradient = p * (gradient - (gradient * p).sum(axis=-1, keepdims=True))
    elif from_logits:
        gradient = gradient * p * (1 - p)
    return value, gradient


def lovasz_hinge(foreground, counted, prediction, exclusive, *, from_logits=True, classes="all", class_weights=None):
    score, rise = prediction, np.ones_like(prediction)
    if not from_logits:
        p = np.clip(prediction, EPSILON, 1 - EPSILON)
        score, rise = np.log(p / (1 - p)), np.where(p == prediction, 1 / (p * (1 - p)), 0)
    y = np.where(foreground, 1, -1)
    errors = np.maximum(1 - score * y, 0)
    value, slopes = average_of_classes(foreground, counted, lambda c: errors[:, c], classes, class_weights)
    return value, slopes * np.where(errors > 0, -y, 0) * rise


def softmax_cross_entropy(foreground, counted, prediction, exclusive, *, from_logits=False, class_weights=None):
    weights = np.ones(foreground.shape[1]) if class_weights is None else np.asarray(class_weights)
    target = np.where(counted, foreground * weights, 0)
    total = counted[:, 0].sum() or 1
    if from_logits:
        shifted = prediction - prediction.max(axis=-1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
        gradient = target.sum(axis=-1, keepdims=True) * np.exp(log_p) - target
    else:
        p = np.clip(prediction, EPSILON, 1)
        log_p, gradient = np.log(p), np.where(p == prediction, -target / p, 0)
    return -(target * log_p).sum() / total, gradient / total


def class_overlap(true_weight):
    """1 - c TP / (c TP + FP + FN) of each class of 0 and 1, pixel by pixel, and its derivative by the quotient rule."""

    def loss(foreground, counted, prediction, exclusive, *, from_logits=False, classes="present", class_weights=None):
        p = prediction
        if from_logits:
            p = softmax(prediction) if exclusive else sigmoid(prediction)
        n, count = foreground.shape
        values, slopes, weights = np.zeros(count), np.zeros((n, count)), np.zeros(count)
        for c in range(count):
            pixels = [i for i in range(n) if counted[i, c]]
            overlap = sum(p[i, c] for i in pixels if foreground[i, c])
            wrong = sum(1 - p[i, c] if foreground[i, c] else p[i, c] for i in pixels)
            whole = true_weight * overlap + wrong
            values[c] = wrong / whole if whole > 0 else 1.0
            for i in pixels:
                # c TP falls out of the numerator; FN = 1 - p in the foreground, FP = p elsewhere
                d_wrong, d_overlap = (-1.0, 1.0) if foreground[i, c] else (1.0, 0.0)
                if whole > 0:
                    slopes[i, c] = (d_wrong * whole - wrong * (true_weight * d_overlap + d_wrong)) / whole**2
            there = any(foreground[i, c] for i in pixels)
            if there if classes == "present" else classes == "all" or c in classes:
                weights[c] = 1.0 if class_weights is None else class_weights[c]
        total = weights.sum() or 1.0
        gradient = slopes * weights / total
        if from_logits and exclusive:
            gradient = p * (gradient - (gradient * p).sum(axis=-1, keepdims=True))
        elif from_logits:
            gradient = gradient * p * (1 - p)
        return (weights * values).sum() / total, gradient

    return loss


REFERENCES = References(
    "segmentation_losses.py",
    {
        "lovasz_softmax": (lovasz_softmax, False),
        "lovasz_hinge": (lovasz_hinge, True),
        "softmax_cross_entropy": (softmax_cross_entropy, False),
        "jaccard_metric_softmax": (class_overlap(1), False),
        "dice_semimetric_softmax": (class_overlap(2), False),
    },
)


def reference(name, y_true, y_pred, *, ignore_label=None, per_image=None, **hyperparameters):
    """Return the value, [] or [B], and the gradient of the sum of values, of y_pred's shape, in float64."""
    function, usual = REFERENCES[name]
    per_image = usual if per_image is None else per_image
    y_pred = np.asarray(y_pred).astype(np.float64)
    prediction = y_pred if y_pred.ndim == 4 else y_pred[..., None]
    labels = np.asarray(y_true).astype(np.float64)
    labels = labels if labels.ndim == 4 else labels[..., None]
    count = prediction.shape[-1]
    exclusive = labels.shape[-1] < count
    foreground = labels == np.arange(count) if exclusive else labels == 1
    counted = np.broadcast_to(labels != (np.nan if ignore_label is None else ignore_label), foreground.shape)
    foreground = foreground & counted
    prediction = np.where(counted, prediction, 0.5)
    groups = [slice(b, b + 1) for b in range(len(labels))] if per_image else [slice(None)]
    values, gradient = [], np.zeros_like(prediction)
    for group in groups:
        flat = (part[group].reshape(-1, count) for part in (foreground, counted, prediction))
        value, slopes = function(*flat, exclusive, **hyperparameters)
        values.append(value)
        gradient[group] = np.where(counted[group], slopes.reshape(prediction[group].shape), 0)
    return np.array(values if per_image else values[0]), gradient.reshape(y_pred.shape)
