"""The Lovász extension of the Jaccard loss of many classes at once (Berman et al., CVPR 2018, section 2).

For the errors e of a class, of which m pixels are foreground, the extension is Σ g e (eq. 8). The weight g of a pixel
is what the Jaccard loss J = 1 − (m − cp)/(m + cn) grows by (eq. 9) as the pixel joins the cp foreground and cn
background pixels of larger errors. g is also the derivative, so that nothing is differentiated through the order.

A pixel of which the share y is foreground has the error |y − p|, and adds y to cp and 1 − y to cn, with m = Σ y:
g = ((m − cp) (1 − y) + y (m + cn)) / ((m + cn) (m + cn + 1 − y)), the same where y is 0 or 1.
"""

from collections.abc import Callable

import tensorflow as tf

from ..checks import check_hyperparameters
from ..label_maps import ClassShares, LabelMaps
from ..pixels import per_image, sum_products
from ..replicas import Replicas
from ..tensors import Tensor, ValueAndGradient, add_in_rows, count_in_rows, place_in_rows, read

Place = Callable[[Tensor], Tensor]  # where errors [G, n, C] are on a way from 0 to 1, rising from 0 for 0


def jaccard_extension(
    residual: Tensor, maps: LabelMaps, shares: ClassShares, method: str, bins: int, place: Place, replicas: Replicas
) -> Tensor:
    """Compute the Lovász extension of the Jaccard loss of each class, averaged over the classes: [G].

    Of several `replicas` whose batches are one group, [1], it is the part that the pixels of this one have in it.

    `residual`, float [G, n, C], is the error of each pixel, with the sign − in the foreground of a class, or of p − y
    where there are shares, and 0, without a way for a gradient, where a pixel is left out. Bins are of equal width in
    `place`.

    Gradient: exact for sorted errors, away from ties; for binned errors that of the value with its weights held fixed;
    with respect to `residual` only.
    """
    check_hyperparameters(method=method, bins=bins)

    @tf.custom_gradient
    def extension(residual: Tensor) -> ValueAndGradient:
        error = tf.abs(residual)
        if maps.shares is not None:
            if method == "exact":
                weight = _weights_by_sorting_all(error, maps, maps.shares, shares, replicas)
            else:
                weight = _weights_by_counting(error, maps, maps.shares, shares, bins, place, replicas)
            # p = y goes both ways; where y is 0 or 1 there is but one
            slope = weight * tf.where(tf.equal(residual, 0), 1 - 2 * maps.shares, tf.sign(residual))
        elif method == "exact":
            slope = _slopes_by_sorting_all(error, maps, shares, replicas)
        else:
            slope = _slopes_by_counting(error, maps, shares, bins, place, replicas)
        return sum_products(slope, residual), lambda upstream: per_image(upstream) * slope

    return extension(residual)


def _slopes_by_sorting_all(error: Tensor, maps: LabelMaps, shares: ClassShares, replicas: Replicas) -> Tensor:
    """Return share · g of each pixel, negative in the foreground, [G, n, C], sorted among those of all replicas."""
    # a sort by comparison must not meet a NaN
    error = tf.where(tf.math.is_nan(error), error.dtype.max, error)
    if replicas.joined == 1:
        return _slopes_by_sorting(error, maps, shares)
    # one number tells everything of an error: its bits, the sign for foreground, and −1, a NaN, for what is left out
    whole = tf.int64 if error.dtype == tf.float64 else tf.int32
    code = tf.bitcast(error, whole)[0]
    code = tf.where(maps.foreground[0], tf.bitwise.bitwise_or(code, whole.min), code)
    if maps.counted is not None:
        code = tf.where(maps.counted[0], code, -1)
    pixels = tf.shape(code)[0]
    room = replicas.largest(pixels)
    code = replicas.gather(tf.pad(code, [[0, room - pixels], [0, 0]], constant_values=-1))[tf.newaxis]
    counted = code != -1
    error = tf.bitcast(tf.bitwise.bitwise_and(code, whole.max), error.dtype)
    everywhere = maps._replace(foreground=counted & (code < 0), counted=counted)
    slope = _slopes_by_sorting(tf.where(counted, error, 0), everywhere, shares)
    return replicas.own(slope[0])[tf.newaxis, :pixels]


def _slopes_by_sorting(key: Tensor, maps: LabelMaps, shares: ClassShares) -> Tensor:
    """Return share · g of each pixel, negative in the foreground, [G, n, C]: one sort of all rows (Algorithm 1)."""
    groups, pixels, classes = tf.unstack(tf.shape(key))
    # what is left out goes last, and is counted nowhere
    key = tf.transpose(maps.only_counted(key, -1), [0, 2, 1])
    key = tf.reshape(key, [groups * classes, pixels if key.shape[2] is None else key.shape[2]])
    largest, order = tf.math.top_k(key, pixels if key.shape[1] is None else key.shape[1])
    positive = tf.reshape(tf.transpose(maps.foreground, [0, 2, 1]), [-1])
    positive = read(positive, order + pixels * tf.range(groups * classes)[:, tf.newaxis])
    one = tf.cast(positive, tf.int32)
    m, upto = tf.reduce_sum(one, axis=1, keepdims=True), tf.cumsum(one, axis=1)
    union = tf.cast(m + tf.range(pixels) - (upto - one), key.dtype)
    # eq. 9 in closed form: g = 1 / (m + cn) of foreground, (m − cp) / ((m + cn) (m + cn + 1)) of background
    slope = tf.where(~positive, tf.cast(m - upto, key.dtype) / (union + 1), -1) / union
    # without any foreground, J is 1 from the first pixel on
    slope = tf.where(union > 0, slope, 1)
    slope *= tf.reshape(shares.of(tf.reshape(m, [groups, classes]), key.dtype), [-1, 1])
    if maps.counted is not None:
        slope = tf.where(largest >= 0, slope, 0)
    slope = place_in_rows(order, slope)
    return tf.transpose(tf.reshape(slope, [groups, classes, pixels]), [0, 2, 1])


def _slopes_by_counting(
    error: Tensor, maps: LabelMaps, shares: ClassShares, bins: int, place: Place, replicas: Replicas
) -> Tensor:
    """Return share · g of each pixel, negative in the foreground, [G, n, C]: the pixels of a bin share what J grows by.

    Within a bin, pixels join in the proportion in which they are there, on a straight way from (cp, cn) to
    (cp + dp, cn + dn); each kind gets the derivative of J in the middle of it, scaled to the bin's whole growth.
    Any number stands where a pixel is left out.
    """
    groups, _, classes = tf.unstack(tf.shape(error))
    bin_of = tf.clip_by_value(tf.cast(place(error) * bins, tf.int32), 0, bins - 1)
    cell = bin_of + bins * (tf.cast(maps.foreground, tf.int32) + 2 * tf.range(classes))
    cells = 2 * bins * classes
    counts = count_in_rows(tf.reshape(cell, [error.shape[0] or groups, -1]), cells)
    dn, dp = tf.unstack(tf.reshape(counts, [groups, classes, 2, bins]), axis=2)
    if maps.counted is not None:
        # what is left out was counted among the background of no error
        left_out = tf.reduce_sum(tf.cast(~maps.counted, tf.int32), axis=1)
        dn -= left_out[..., tf.newaxis] * tf.one_hot(0, bins, dtype=tf.int32)
    if replicas.joined > 1:
        dn, dp = tf.unstack(replicas.sum(tf.stack([dn, dp])))
    m = tf.reduce_sum(dp, axis=-1, keepdims=True)
    cp, cn = (tf.cumsum(count, axis=-1, exclusive=True, reverse=True) for count in (dp, dn))
    remaining, union, dp, dn = (tf.cast(count, error.dtype) for count in (m - cp, m + cn, dp, dn))
    foreground, background = _weights_of_bins(remaining, union, dp, dn, shares.of(m[..., 0], error.dtype))
    table = tf.reshape(tf.stack([background, -foreground], axis=2), [-1])
    if error.shape[0] != 1:
        cell += cells * tf.range(groups)[:, tf.newaxis, tf.newaxis]
    slope = read(table, cell)
    return slope + _largest_without_foreground(error, maps, m[..., 0], shares, replicas)


def _weights_of_bins(remaining: Tensor, union: Tensor, dp: Tensor, dn: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Return share · g of foreground and of background in each bin, [G, C, bins]; `share` is [G, C]."""
    # ΔJ = ((m − cp) dn + dp (m + cn)) / ((m + cn) (m + cn + dn)), without cancellation
    growth = tf.math.divide_no_nan(remaining * dn + dp * union, union * (union + dn))
    # eq. 9 in the middle of the bin: g is in proportion to 1 of foreground, (m − c̄p) / (m + c̄n) of background
    background = tf.math.divide_no_nan(remaining - dp / 2, union + dn / 2)
    foreground = share[..., tf.newaxis] * tf.math.divide_no_nan(growth, dp + dn * background)
    return foreground, background * foreground


def _largest_without_foreground(
    error: Tensor, maps: LabelMaps, m: Tensor, shares: ClassShares, replicas: Replicas
) -> Tensor:
    """Return the share of each class without foreground, m = 0 [G, C], at its largest error, [G, n, C]."""
    if shares.only_present:
        return tf.zeros([], error.dtype)
    # without foreground, J is 1 from the largest error on, whoever makes it
    share = tf.where(m == 0, shares.of(m, error.dtype), 0)[:, tf.newaxis]
    error = maps.only_counted(error, -1)
    largest = replicas.largest(tf.reduce_max(error, axis=1, keepdims=True))
    makes_it = tf.cast((error == largest) & (error >= 0), error.dtype)
    makers = replicas.sum(tf.reduce_sum(makes_it, axis=1, keepdims=True))
    return makes_it * tf.math.divide_no_nan(share, makers)


def _weights_by_sorting_all(
    error: Tensor, maps: LabelMaps, labels: Tensor, shares: ClassShares, replicas: Replicas
) -> Tensor:
    """Return share · g of each pixel of which `labels` [G, n, C] are shares, sorted among those of all replicas."""
    # a sort by comparison must not meet a NaN; what is left out goes last, and its weight is of no pixel
    error = maps.only_counted(tf.where(tf.math.is_nan(error), error.dtype.max, error), -1)
    if replicas.joined == 1:
        return _weights_by_sorting(error, labels, shares)
    pixels = tf.shape(error)[1]
    padding = [[0, replicas.largest(pixels) - pixels], [0, 0]]
    errors = replicas.gather(tf.pad(error[0], padding, constant_values=-1))
    weight = _weights_by_sorting(errors[tf.newaxis], replicas.gather(tf.pad(labels[0], padding))[tf.newaxis], shares)
    return replicas.own(weight[0])[tf.newaxis, :pixels]


def _weights_by_sorting(key: Tensor, labels: Tensor, shares: ClassShares) -> Tensor:
    """Return share · g of each pixel, [G, n, C], by one sort of all rows; 0 where the error in `key` is below 0."""
    groups, pixels, classes = tf.unstack(tf.shape(key))
    rows, known = groups * classes, key.shape[1]
    key, labels = (tf.reshape(tf.transpose(each, [0, 2, 1]), [rows, known or pixels]) for each in (key, labels))
    largest, order = tf.math.top_k(key, known or pixels)
    share = read(tf.reshape(labels, [-1]), order + pixels * tf.range(rows)[:, tf.newaxis])
    # m − cp from the end on, where it is small; cn of those before
    remaining = tf.cumsum(share, axis=1, reverse=True)
    m = remaining[:, :1]
    union = tf.cast(tf.range(pixels), key.dtype) + remaining
    rest = 1 - share
    weight = (remaining * rest + share * union) / (union * (union + rest))
    # without any foreground, J is 1 from the first pixel on
    weight = tf.where(union > 0, weight, 1)
    weight *= tf.reshape(shares.of(tf.reshape(m, [groups, classes]), key.dtype), [-1, 1])
    weight = place_in_rows(order, tf.where(largest >= 0, weight, 0))
    return tf.transpose(tf.reshape(weight, [groups, classes, pixels]), [0, 2, 1])


def _weights_by_counting(
    error: Tensor, maps: LabelMaps, labels: Tensor, shares: ClassShares, bins: int, place: Place, replicas: Replicas
) -> Tensor:
    """Return share · g of each pixel, [G, n, C], as `_slopes_by_counting` does: a pixel is in part of both kinds."""
    groups, _, classes = tf.unstack(tf.shape(error))
    bin_of = tf.clip_by_value(tf.cast(place(error) * bins, tf.int32), 0, bins - 1)
    cell = bin_of + bins * tf.range(classes)
    cells = bins * classes
    rows = [error.shape[0] or groups, -1]
    in_rows = tf.reshape(cell, rows)
    parts = (add_in_rows(in_rows, tf.reshape(part, rows), cells) for part in (labels, maps.only_counted(1 - labels)))
    both = replicas.sum(tf.reshape(tf.stack([*parts]), [2, groups, classes, bins]))
    dp, dn = tf.unstack(both)
    # m − cp from the smallest error on, where it is small
    remaining = tf.cumsum(dp, axis=-1)
    m = remaining[..., -1:]
    union = m + tf.cumsum(dn, axis=-1, exclusive=True, reverse=True)
    foreground, background = _weights_of_bins(remaining, union, dp, dn, shares.of(m[..., 0], error.dtype))
    if error.shape[0] != 1:
        cell += cells * tf.range(groups)[:, tf.newaxis, tf.newaxis]
    of_background, of_foreground = (read(tf.reshape(table, [-1]), cell) for table in (background, foreground))
    weight = of_background + labels * (of_foreground - of_background)
    return weight + _largest_without_foreground(error, maps, m[..., 0], shares, replicas)
