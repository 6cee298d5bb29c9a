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


def overlap(y, p, w, soft_labels):
    """True positives, false positives and false negatives of an image, each with its derivative by p.

    The derivative of min(p, y) at p = y is y, as that of the product p y is.
    """
    rise = np.where(p < y, 1.0, np.where(p > y, 0.0, y))
    if soft_labels == "paper":
        return [((w * p * y).sum(), w * y), ((w * p * (1 - y)).sum(), w * (1 - y)), ((w * (1 - p) * y).sum(), -w * y)]
    common = ((w * p * y).sum(), w * y) if soft_labels == "dot" else ((w * np.minimum(p, y)).sum(), w * rise)
    too_much, too_little = (w * np.maximum(p - y, 0)).sum(), (w * np.maximum(y - p, 0)).sum()
    return [common, (too_much, w * (1 - rise)), (too_little, -w * rise)]


def ratio(sums, right, false_positive, false_negative):
    """1 − r TP / (r TP + a FP + b FN) and its derivative."""
    (tp, d_tp), (fp, d_fp), (fn, d_fn) = sums
    top, d_top = right * tp, right * d_tp
    bottom, d_bottom = (
        top + false_positive * fp + false_negative * fn,
        (d_top + false_positive * d_fp + false_negative * d_fn),
    )
    return 1 - top / bottom, -(d_top * bottom - top * d_bottom) / bottom**2


def overlap_loss(images, from_logits, empty_target, formula, soft_labels):
    """Apply `formula`(sums) -> (loss, dL/dp) to each image with a mask, and the policy to each without."""
    results = []
    for y, prediction, w in images:
        p = sigmoid(prediction) if from_logits else prediction
        if w.sum() == 0:
            value, gradient = 0.0, np.zeros_like(p)
        elif (w * y).sum() > 0:
            value, gradient = formula(overlap(y, p, w, soft_labels))
        elif empty_target == "paper":
            value, gradient = 1.0, np.zeros_like(p)
        else:
            value, gradient = (w * p).sum() / w.sum(), w / w.sum()
        results.append((value, through_sigmoid(gradient, prediction, from_logits)))
    return results


def floss(images, *, beta2=0.3, from_logits=False, empty_target="paper", soft_labels="dot"):
    formula = lambda sums: ratio(sums, 1 + beta2, 1, beta2)  # noqa: E731
    return overlap_loss(images, from_logits, empty_target, formula, soft_labels)


def soft_iou(images, *, from_logits=False, empty_target="paper", soft_labels="dot"):
    return overlap_loss(images, from_logits, empty_target, lambda sums: ratio(sums, 1, 1, 1), soft_labels)


def dice(images, *, from_logits=False, empty_target="paper", soft_labels="dot"):
    return overlap_loss(images, from_logits, empty_target, lambda sums: ratio(sums, 2, 1, 1), soft_labels)


def focal_tversky(
    images, *, alpha=0.3, beta=0.7, gamma=4 / 3, from_logits=False, empty_target="paper", soft_labels="dot"
):
    def formula(sums):
        value, gradient = ratio(sums, 1, alpha, beta)
        if value <= 0:
            return 0.0, 0 * gradient
        return value ** (1 / gamma), value ** (1 / gamma - 1) / gamma * gradient

    return overlap_loss(images, from_logits, empty_target, formula, soft_labels)


def tversky(images, **hyperparameters):
    return focal_tversky(images, gamma=1, **hyperparameters)


def metric(images, from_logits, empty_target, formula):
    """Apply `formula`(|p|, |y|, |p − y|) -> (loss, its derivatives by the first and the last), norms of the sum."""
    results = []
    for y, prediction, w in images:
        p = sigmoid(prediction) if from_logits else prediction
        if w.sum() == 0 or (w * y).sum() == 0:
            results += overlap_loss([(y, prediction, w)], from_logits, empty_target, None, "min")
            continue
        value, by_size, by_distance = formula((w * p).sum(), (w * y).sum(), (w * np.abs(p - y)).sum())
        side = np.where(p == y, 1 - 2 * y, np.sign(p - y))
        results.append((value, through_sigmoid(w * (by_size + by_distance * side), prediction, from_logits)))
    return results


def jaccard_metric(images, *, from_logits=False, empty_target="paper", soft_labels="min"):
    if soft_labels == "dot":
        return soft_iou(images, from_logits=from_logits, empty_target=empty_target)

    def formula(size, other, distance):
        top, bottom = size + other - distance, size + other + distance
        return 1 - top / bottom, (top - bottom) / bottom**2, (top + bottom) / bottom**2

    return metric(images, from_logits, empty_target, formula)


def dice_semimetric(images, *, from_logits=False, empty_target="paper", soft_labels="min"):
    if soft_labels == "dot":
        return dice(images, from_logits=from_logits, empty_target=empty_target)

    def formula(size, other, distance):
        return distance / (size + other), -distance / (size + other) ** 2, 1 / (size + other)

    return metric(images, from_logits, empty_target, formula)


def log_floss(images, *, beta2=0.3, from_logits=False, empty_target="paper", soft_labels="dot"):
    results = []
    for y, prediction, w in images:
        z = prediction
        p = sigmoid(z) if from_logits else prediction
        value, gradient = 0.0, np.zeros_like(p)
        salient = w * y > 0
        if salient.any():
            (tp, d_tp), (fp, d_fp), (fn, d_fn) = overlap(y, p, w, soft_labels)
            h = (1 + beta2) * tp + beta2 * fn + fp
            d_h = (1 + beta2) * d_tp + beta2 * d_fn + d_fp
            if from_logits:
                # every sum over pixels of TP by its logarithm
                log_p = -np.logaddexp(0.0, -z[salient])
                log_y = np.log(y[salient])
                log_terms = np.log(w[salient]) + (np.minimum(log_p, log_y) if soft_labels == "min" else log_p + log_y)
                log_true_positives = log_sum_exp(log_terms)
                share = np.exp(log_terms - log_true_positives) * sigmoid(-z[salient])
                if soft_labels == "min":
                    at_most = np.where(p[salient] < y[salient], 1.0, np.where(p[salient] > y[salient], 0, y[salient]))
                    share *= at_most
                gradient = d_h * p * sigmoid(-z) / h
                gradient[salient] -= share
            else:
                true_positives = max(tp, EPSILON * (tp + fn))
                log_true_positives = np.log(true_positives)
                gradient = d_h / h - d_tp / true_positives
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


def edge_weights(labels):
    """1 + 5 |mean of the 31 x 31 labels around a pixel − its own|, with 0 beyond the border."""
    height, width = labels.shape
    weights = np.zeros_like(labels)
    for row in range(height):
        for column in range(width):
            around = labels[max(row - 15, 0) : row + 16, max(column - 15, 0) : column + 16]
            weights[row, column] = 1 + 5 * abs(around.sum() / 31**2 - labels[row, column])
    return weights


def structure(images, *, edges, from_logits=False, soft_labels="dot"):
    weighted = [(y, prediction, w * edge) for (y, prediction, w), edge in zip(images, edges)]
    results = cross_entropy(weighted, from_logits=from_logits)
    for number, (y, prediction, w) in enumerate(weighted):
        p = sigmoid(prediction) if from_logits else prediction
        (tp, d_tp), (fp, d_fp), (fn, d_fn) = overlap(y, p, w, soft_labels)
        union, d_union = tp + fp + fn, d_tp + d_fp + d_fn
        gradient = -(d_tp * (union + 1) - (tp + 1) * d_union) / (union + 1) ** 2
        entropy, slope = results[number]
        value = entropy + 1 - (tp + 1) / (union + 1)
        results[number] = value, slope + through_sigmoid(gradient, prediction, from_logits)
    return results


def focal_entropy(images, delta, powers, from_logits):
    results = []
    for y, prediction, w in images:
        total = w.sum() or 1.0
        if from_logits:
            log_p, log_q, inside = -np.logaddexp(0, -prediction), -np.logaddexp(0, prediction), 1.0
        else:
            clipped = np.clip(prediction, EPSILON, 1 - EPSILON)
            log_p, log_q, inside = np.log(clipped), np.log(1 - clipped), clipped == prediction
        p, q = np.exp(log_p), np.exp(log_q)
        g, h = powers
        value = -delta * y * q**g * log_p - (1 - delta) * (1 - y) * p**h * log_q
        with np.errstate(divide="ignore", invalid="ignore"):
            by_p = -delta * y * (q**g / p - g * q ** (g - 1) * log_p)
            by_p -= (1 - delta) * (1 - y) * (h * p ** (h - 1) * log_q - p**h / q)
            if from_logits:
                by_p = -delta * y * (q ** (g + 1) - g * q**g * p * log_p)
                by_p -= (1 - delta) * (1 - y) * (h * p**h * q * log_q - p ** (h + 1))
        results.append(((w * value).sum() / total, w * np.where(inside, by_p, 0) / total))
    return results


def unified_focal(
    images, *, focal_weight=0.5, delta=0.6, gamma=0.5, asymmetric=True, from_logits=False, empty_target="paper",
    soft_labels="dot",
):  # fmt: skip
    options = {"from_logits": from_logits, "empty_target": empty_target, "soft_labels": soft_labels}
    weights = {"alpha": 1 - delta, "beta": delta}
    turned = [(1 - y, -prediction if from_logits else 1 - prediction, w) for y, prediction, w in images]
    focal = focal_entropy(images, delta, (0 if asymmetric else gamma, gamma), from_logits)
    foreground = focal_tversky(images, gamma=1 / (1 - gamma), **weights, **options)
    background = focal_tversky(turned, gamma=1 if asymmetric else 1 / (1 - gamma), **weights, **options)
    return [
        (
            focal_weight * f[0] + (1 - focal_weight) * (a[0] + b[0]) / 2,
            focal_weight * f[1] + (1 - focal_weight) * (a[1] - b[1]) / 2,
        )
        for f, a, b in zip(focal, foreground, background)
    ]


REFERENCES = References(
    "saliency_losses.py",
    {
        "floss": floss,
        "log_floss": log_floss,
        "cross_entropy": cross_entropy,
        "balanced_cross_entropy": balanced_cross_entropy,
        "soft_iou": soft_iou,
        "jaccard_metric": jaccard_metric,
        "dice": dice,
        "dice_semimetric": dice_semimetric,
        "tversky": tversky,
        "focal_tversky": focal_tversky,
        "structure": structure,
        "unified_focal": unified_focal,
    },
)


def reference(name, y_true, y_pred, *, ignore_label=None, sample_weight=None, **hyperparameters):
    """Return the value [B] and the gradient [B, H, W] of each image's own value, in float64."""
    y_true = np.asarray(y_true).astype(np.float64)
    y_pred = np.asarray(y_pred).astype(np.float64)
    weight = np.ones_like(y_pred) if sample_weight is None else np.asarray(sample_weight).astype(np.float64)
    kept = np.ones(y_true.shape, bool) if ignore_label is None else y_true != ignore_label
    images = [(y_true[b][kept[b]], y_pred[b][kept[b]], weight[b][kept[b]]) for b in range(len(y_true))]
    if name == "structure":
        counted = kept & (weight > 0)
        hyperparameters["edges"] = [edge_weights(y_true[b] * counted[b])[kept[b]] for b in range(len(y_true))]
    values = np.zeros(len(y_true))
    gradients = np.zeros_like(y_pred)
    for b, (value, gradient) in enumerate(REFERENCES[name](images, **hyperparameters)):
        values[b] = value
        gradients[b][kept[b]] = gradient
    return values, gradients
