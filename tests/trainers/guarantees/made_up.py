"""Made-up pictures whose true risks are known exactly, and calibration sets drawn of them."""

import numpy as np
from scipy import stats

from metricfit.trainers.guarantees.procedures import chosen_place, holds

THRESHOLDS = np.arange(256) / 255


def missed(rng, pictures, alike, objects):
    """Sums and counts of the missed share of pictures, whose true mean at a threshold is that threshold.

    Each object is missed from its own threshold on, uniform in [0, 1]; with a probability of `alike` all objects of a
    picture share one: then a picture is missed as a whole or not, the worst there is for bounds of losses in [0, 1].
    """
    own, common = rng.random((pictures, objects)), rng.random((pictures, 1))
    from_where = np.where(rng.random((pictures, 1)) < alike, common, own)
    below = np.searchsorted(np.sort(from_where.ravel()), THRESHOLDS, side="left")
    return below / objects, np.full(256, pictures)


def right_at(scores, floor, height, waves):
    """How probable it is that a find of such a score is right: wavy, so that precision rises and falls."""
    return floor + height * scores + 0.15 * np.sin(waves * np.pi * scores)


_FINE = (np.arange(2**16) + 0.5) / 2**16


def true_precision(*curve):
    """Mean of `right_at` over the scores from each threshold on; NaN from 1 on, where nothing is found."""
    sums = np.concatenate([np.cumsum(right_at(_FINE, *curve)[::-1])[::-1], [0.0]]) / 2**16
    from_here = np.interp(THRESHOLDS, np.arange(2**16 + 1) / 2**16, sums)
    with np.errstate(invalid="ignore"):
        return np.where(THRESHOLDS < 1, from_here / (1 - THRESHOLDS), np.nan), from_here


def finds(rng, pictures, *curve):
    """Sums and counts of 1 - precision and of 1 - F of pictures with one object and one find, of a uniform score."""
    scores = rng.random(pictures)
    right = rng.random(pictures) < right_at(scores, *curve)
    order = np.sort(scores), np.sort(scores[right])
    found, rightly = (len(one) - np.searchsorted(one, THRESHOLDS, side="left") for one in order)
    return (found - rightly, found), (pictures - rightly, np.full(256, pictures))


def by_the_mean_alone(sums, counts, promise):
    """Broken: the threshold is picked by what the calibration pictures show, without room for chance."""
    kept = np.flatnonzero((counts > 0) & (sums <= promise.bound * counts))
    if not len(kept):
        return None
    return int(kept[-1] if promise.measure == "recall" else kept[0])


def without_correction(sums, counts, promise):
    """Broken: many thresholds are tested as if each were the only one, and the first that passes is taken."""
    whole = one_start(promise)
    return next((place for place in range(0, len(sums), 4) if holds(sums[place], counts[place], whole)), None)


def one_start(promise):
    """The promise with all of the doubt for each test."""

    class Whole:
        bound, confidence, measure, doubt = promise.bound, promise.confidence, promise.measure, 1 - promise.confidence

    return Whole()


def broken_promises(draw, true_risks, promise, times, choose=chosen_place):
    """Of so many calibration sets the chosen thresholds, and how often the true risk there is too high."""
    places = [choose(*draw(), promise) for _ in range(times)]
    chosen = [place for place in places if place is not None]
    broken = sum(not true_risks[place] <= promise.bound for place in chosen)
    return broken, chosen


def most_by_chance(times, share):
    """How many of so many draws may go wrong, each with such a probability: exceeded once in a thousand tests."""
    return int(stats.binom.ppf(0.999, times, share))
