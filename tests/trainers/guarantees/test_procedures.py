"""Thresholds with a guarantee: p-values against SciPy, hand cases, and the promised level over many made-up draws."""

import math

import numpy as np
import pytest
from scipy import stats

from metricfit.trainers.guarantees.procedures import (
    accepted,
    binomial_cdf,
    chosen_place,
    holds,
    p_value,
    pictures_that_would_do,
    smallest_bounds,
    starts_of,
)
from metricfit.trainers.guarantees.promise import read_promise

from .made_up import (
    THRESHOLDS,
    broken_promises,
    by_the_mean_alone,
    finds,
    missed,
    most_by_chance,
    true_precision,
    without_correction,
)

RECALL, PRECISION = read_promise("recall >= 0.9 @ 0.9"), read_promise("precision >= 0.7 @ 0.9")


def slow_p_value(total, number, bound):
    """The formula of the paper, with SciPy's binomial and entropy."""
    if number == 0:
        return 1.0
    mean = min(total / number, bound)
    hoeffding = math.exp(-number * stats.entropy([mean, 1 - mean], [bound, 1 - bound]))
    return min(1.0, hoeffding, math.e * stats.binom.cdf(math.ceil(total), number, bound))


@pytest.mark.parametrize("number", [0, 1, 7, 100, 3000, 100_000])
def test_p_values_are_those_of_scipy(number):
    rng = np.random.default_rng(number)
    for bound in (0.01, 0.1, 0.5, 0.93):
        for total in (0.0, float(number), *np.round(rng.random(4) * number * bound * 1.3, 3)):
            total = min(float(total), float(number))
            assert p_value(total, number, bound) == pytest.approx(slow_p_value(total, number, bound), rel=1e-7)
            most = int(total)
            assert binomial_cdf(most, number, bound) == pytest.approx(stats.binom.cdf(most, number, bound), rel=1e-7)


def test_a_p_value_of_losses_of_0_and_1_is_never_below_the_exact_test():
    for number in (5, 40, 300):
        for count in range(0, number + 1, max(1, number // 20)):
            assert p_value(count, number, 0.2) >= stats.binom.cdf(count, number, 0.2) - 1e-12


def test_sums_that_are_whole_but_for_rounding_are_whole():
    total = sum([0.1] * 30)
    assert total > 3 - 1e-12 != total
    assert p_value(3 + 1e-13, 100, 0.1) == p_value(3.0, 100, 0.1)


def test_recall_is_tested_up_to_the_first_threshold_that_fails():
    sums = np.array([0.0, 1.0, 30.0, 1.0])  # what comes after a failure does not count
    assert accepted(sums, np.full(4, 100), RECALL).tolist() == [True, True, False, False]
    assert chosen_place(sums, np.full(4, 100), RECALL) == 1
    assert chosen_place(sums + 10, np.full(4, 100), RECALL) is None


def test_conformal_risk_control_by_hand():
    promise = read_promise("recall >= 0.9")
    # (sum + 1) / (n + 1) <= 0.1: of 9 pictures nothing may be missed, of 19 one, of 29 two.
    for number, most in ((8, -1), (9, 0), (19, 1), (29, 2)):
        assert [holds(total, number, promise) for total in range(4)] == [total <= most for total in range(4)]
    assert smallest_bounds(np.array([1.0]), np.array([19]), promise) == pytest.approx([0.1])


def test_precision_goes_down_from_its_starts_and_needs_what_is_found():
    starts = starts_of(256, PRECISION)
    assert (len(starts), starts[0]) == (8, 255)
    counts = np.full(256, 200)
    sums = np.where((np.arange(256) > starts[4]) | (np.arange(256) < 100), 150.0, 5.0)
    assert np.flatnonzero(accepted(sums, counts, PRECISION)).tolist() == list(range(100, starts[4] + 1))
    assert chosen_place(sums, counts, PRECISION) == 100, "the lowest, which misses the least"
    assert chosen_place(np.zeros(256), np.zeros(256, int), PRECISION) is None, "nothing found keeps no promise"
    sums[120] = 4.0
    assert chosen_place(sums, counts, read_promise("f >= 0.7 @ 0.9")) == 120, "the best mean"


@pytest.mark.parametrize("promise", [RECALL, PRECISION, read_promise("recall >= 0.8")])
def test_the_smallest_bound_is_where_a_promise_begins_to_hold(promise):
    total, number = 3.5, 120
    (bound,) = smallest_bounds(np.array([total]), np.array([number]), promise)
    kept, missed_by = (
        holds(total, number, read_promise(f"{promise.measure} >= {1 - bound - step:.6f}{_at(promise)}"))
        for step in (1e-5, -1e-5)
    )
    assert kept and not missed_by  # noqa: PT018


def _at(promise):
    return "" if promise.confidence is None else f" @ {promise.confidence}"


@pytest.mark.parametrize("mean", [0.0, 0.04, 0.08])
def test_so_many_pictures_would_do_and_some_fewer_would_not(mean):
    number = pictures_that_would_do(mean, RECALL)
    assert holds(mean * number, number, RECALL)
    assert not holds(mean * int(number * 0.9), int(number * 0.9), RECALL)
    assert pictures_that_would_do(0.1, RECALL) is None


# The promised level: made-up pictures whose true means are known, a thousand calibration sets.


@pytest.mark.parametrize(("alike", "objects"), [(1, 1), (0.5, 3)])
def test_recall_is_kept_as_often_as_promised_and_not_by_the_mean_alone(alike, objects):
    rng, most = np.random.default_rng(1), most_by_chance(1000, 0.1)

    def draw():
        return missed(rng, 100, alike, objects)

    broken, chosen = broken_promises(draw, THRESHOLDS, RECALL, 1000)
    assert broken <= most
    assert len(chosen) == 1000
    assert np.mean(chosen) / 255 > 0.04, "a threshold that is far from the safe end"
    assert broken_promises(draw, THRESHOLDS, RECALL, 1000, by_the_mean_alone)[0] > 3 * most


def test_precision_and_f_are_kept_as_often_as_promised():
    rng, curve, times = np.random.default_rng(2), (0.35, 0.6, 7), 200
    precision, f = true_precision(*curve)
    for place, (text, truth) in enumerate((("precision >= 0.75 @ 0.9", precision), ("f >= 0.5 @ 0.9", f))):
        promise = read_promise(text)
        broken, chosen = broken_promises(lambda at=place: finds(rng, 300, *curve)[at], 1 - truth, promise, times)
        assert broken <= most_by_chance(times, 0.1)
        assert len(chosen) > 125
    assert broken_promises(lambda: finds(rng, 300, *curve)[0], 1 - precision, PRECISION, 100, by_the_mean_alone)[0] > 30


def test_many_thresholds_are_not_tested_as_if_each_were_the_only_one():
    rng, curve = np.random.default_rng(3), (0.499, 0, 0)  # nowhere as precise as is promised
    truth, promise = true_precision(*curve)[0], read_promise("precision >= 0.5 @ 0.9")

    def draw():
        return finds(rng, 300, *curve)[0]

    assert broken_promises(draw, 1 - truth, promise, 1000)[0] <= most_by_chance(1000, 0.1)
    assert broken_promises(draw, 1 - truth, promise, 100, without_correction)[0] > most_by_chance(100, 0.1)


def test_what_is_missed_in_expectation_is_as_promised_and_not_by_the_mean_alone():
    rng, promise = np.random.default_rng(4), read_promise("recall >= 0.9")
    means = {}
    for choose in (chosen_place, by_the_mean_alone):
        _, chosen = broken_promises(lambda: missed(rng, 10, 1, 1), THRESHOLDS, promise, 1000, choose)
        risks = THRESHOLDS[chosen]
        means[choose] = (risks.sum() / 1000, risks.std() / math.sqrt(1000))
    mean, error = means[chosen_place]
    assert 0.08 < mean <= 0.1 + 3 * error
    assert means[by_the_mean_alone][0] > 0.1 + 10 * means[by_the_mean_alone][1]
