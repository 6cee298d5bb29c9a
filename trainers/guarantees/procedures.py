"""How a threshold is chosen with a guarantee: Learn-then-Test, and conformal risk control.

Losses lie in [0, 1], and calibration pictures are drawn as those to come, one without regard to another; of the model
and of the losses nothing else is asked. At each of T rising thresholds `sums` are those of `counts` losses.
"""

import math

import numpy as np

from .promise import Promise

_ROUNDING = 1e-9  # of sums of losses: a whole number but for this is that number
_HALVINGS = 30
_MOST = 2**20  # pictures that anybody would look at


def p_value(total: float, number: int, bound: float) -> float:
    """Give the Hoeffding-Bentkus p-value of "the mean loss is above `bound`", of so many losses; 1 without any.

    (Bates et al., Journal of the ACM 2021; Angelopoulos et al., Learn then Test, eq. 6.) It is the smaller of
    exp(-n h(min(R, a), a)) and e P(Binomial(n, a) <= ceil(n R)), for a mean R of n losses and a bound a in (0, 1).
    """
    if not number:
        return 1.0
    hoeffding = math.exp(-number * _divergence(min(total / number, bound), bound))
    return min(1.0, hoeffding, math.e * binomial_cdf(math.ceil(total - _ROUNDING), number, bound))


def _divergence(mean: float, bound: float) -> float:
    """Give h(R, a), that of Kullback and Leibler between coins of these means."""
    first = mean * math.log(mean / bound) if mean > 0 else 0.0
    return first + (1 - mean) * (math.log1p(-mean) - math.log1p(-bound))


def binomial_cdf(most: int, trials: int, share: float) -> float:
    """Give P(Binomial(trials, share) <= most), of a share within (0, 1)."""
    if most >= trials:
        return 1.0
    chosen = np.arange(1, most + 1)
    # Each term is the one before it times (n - k + 1) p / (k (1 - p)).
    steps = np.log((trials - chosen + 1) * share) - np.log(chosen * (1 - share))
    terms = trials * math.log1p(-share) + np.concatenate([[0.0], steps.cumsum()])
    return float(min(1.0, np.exp(terms).sum()))


def holds(total: float, number: int, promise: Promise) -> bool:
    """Tell whether losses at one threshold bear a promise.

    Without a confidence that is conformal risk control (Angelopoulos et al., eq. 4), for losses that never fall with
    the threshold and are 1 at most: (sum + 1) / (n + 1) is at most the bound.
    """
    if promise.confidence is None:
        return total + 1 <= promise.bound * (number + 1) + _ROUNDING
    return p_value(total, number, promise.bound) <= promise.doubt


def starts_of(thresholds: int, promise: Promise) -> list[int]:
    """Give the places among so many rising thresholds at which tests begin."""
    if promise.starts == 1:
        return [0]
    return np.linspace(thresholds - 1, 0, promise.starts + 1).astype(int)[:-1].tolist()


def accepted(sums: np.ndarray, counts: np.ndarray, promise: Promise) -> np.ndarray:
    """Tell at which thresholds the promise holds, bool [T]; with its confidence at all of them at once.

    Recall is tested from the lowest threshold up to the first one that fails (fixed-sequence testing). Other measures
    have no safe end: tests go down from each of several starts, and each start has its share of the doubt.
    """
    passed = np.zeros(len(sums), bool)
    step = 1 if promise.measure == "recall" else -1
    for place in starts_of(len(sums), promise):
        # Where another start has come by, it has gone on already.
        while 0 <= place < len(sums) and not passed[place] and holds(sums[place], counts[place], promise):
            passed[place] = True
            place += step
    return passed


def chosen_place(sums: np.ndarray, counts: np.ndarray, promise: Promise) -> int | None:
    """Choose a threshold; None where none can be promised.

    Of recall it is the highest, which finds the least that is wrong; of precision the lowest, which misses the least;
    of F the one with the best mean.
    """
    places = np.flatnonzero(accepted(sums, counts, promise))
    if not len(places):
        return None
    if promise.measure == "f":
        return int(places[np.argmin(sums[places] / counts[places])])
    return int(places[-1] if promise.measure == "recall" else places[0])


def smallest_bounds(sums: np.ndarray, counts: np.ndarray, promise: Promise) -> np.ndarray:
    """Give the smallest bound that could be promised at each threshold alone, float64 [T]; 1 where none could."""
    if promise.confidence is None:
        return np.minimum(1.0, (sums + 1) / (counts + 1))
    # At many thresholds the same is found.
    pairs, back = np.unique(np.stack([sums, counts]), axis=1, return_inverse=True)
    found = [_smallest_bound(total, int(number), promise.doubt) for total, number in pairs.T.tolist()]
    return np.array(found)[back.reshape(-1)]


def _smallest_bound(total: float, number: int, doubt: float) -> float:
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if p_value(total, number, middle) <= doubt else (middle, high)
    return high


def pictures_that_would_do(mean: float, promise: Promise) -> int | None:
    """Give about how many losses of such a mean could bear a promise; None where no number could."""
    if mean >= promise.bound:
        return None
    high = promise.fewest
    while not holds(mean * high, high, promise):
        high *= 2
        if high > _MOST:
            return None
    low = high // 2
    while high - low > max(1, high // 50):
        middle = (low + high) // 2
        low, high = (low, middle) if holds(mean * middle, middle, promise) else (middle, high)
    return high
