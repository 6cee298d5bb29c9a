"""Figures of resampled pictures against judges that were shown each picture as often as it was drawn."""

import math

import numpy as np
import pytest
from scipy import stats

from metricfit.trainers.judge.boxes import BoxJudge
from metricfit.trainers.judge.feeding import judge_all
from metricfit.trainers.metrics import resampling
from metricfit.trainers.metrics.ranking.matching import Found
from metricfit.trainers.metrics.resampling import Draws, bounds, draws

from .test_merge import NAMES, boxes, class_judge, class_maps, map_judge, maps


def distinct_scores(seed, count):
    """Pictures with boxes, no two of one score: among equals COCO's result hangs on their order."""
    rng = np.random.default_rng(seed)
    for example, found in boxes(seed, count):
        yield example, Found(found.boxes, rng.random(len(found.scores)), found.classes)


def box_judge(**options):
    return BoxJudge(NAMES, **options)


KINDS = {"maps": (maps, map_judge), "classes": (class_maps, class_judge), "boxes": (distinct_scores, box_judge)}


@pytest.mark.parametrize("kind", list(KINDS))
def test_resampled_figures_are_those_of_judges_that_see_pictures_so_often(kind):
    make, judge_of = KINDS[kind]
    pictures = list(make(3, 9))
    judge = judge_of(by_picture=True)
    judge_all(pictures, judge)
    counts = draws(len(pictures), count=25, seed=1)
    found = judge.resampled([counts])
    assert found
    for place, row in enumerate(counts):
        slow = judge_of()
        judge_all([pair for pair, times in zip(pictures, row) for _ in range(times)], slow)
        scalars = slow.result().scalars
        for name, values in found.items():
            assert values[place] == pytest.approx(scalars[name], abs=1e-9), (name, row)
    assert all(np.ptp(values) > 1e-3 for values in found.values()), "the pictures differ"


@pytest.mark.parametrize("kind", list(KINDS))
def test_merged_judges_resample_as_one_of_all(kind):
    make, judge_of = KINDS[kind]
    pictures = list(make(4, 7))
    whole, first, second = judge_of(by_picture=True), judge_of(by_picture=True), judge_of(by_picture=True, start=3)
    for pairs, judge in ((pictures, whole), (pictures[:3], first), (pictures[3:], second)):
        judge_all(pairs, judge)
    second.merge(first)
    counts = draws(len(pictures), count=10)
    for name, values in whole.resampled([counts]).items():
        np.testing.assert_array_equal(second.resampled([counts])[name], values)
    with pytest.raises(ValueError, match="by_picture"):
        whole.merge(judge_of(start=99))
    with pytest.raises(ValueError, match=f"one column for each of {len(pictures)} pictures"):
        whole.resampled([counts[:, 1:]])


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_few_draws_at_a_time_give_what_all_at_once_give(kind, monkeypatch):
    make, judge_of = KINDS[kind]
    pictures = list(make(5, 9))
    judge = judge_of(by_picture=True)
    judge_all(pictures, judge)
    count = len(pictures)
    drawn = Draws(count, count=25, seed=1)
    (whole,) = drawn
    assert [len(counts) for counts in Draws(60_000, count=40)] == [33, 7], "16 MB, not half a gigabyte"
    np.testing.assert_array_equal(whole, draws(count, count=25, seed=1))
    monkeypatch.setattr(resampling, "_AT_ONCE", count * 8)
    assert [len(counts) for counts in drawn] == [8, 8, 8, 1]
    np.testing.assert_array_equal(np.concatenate(list(drawn)), whole)
    parts = judge.resampled(drawn)
    for name, values in judge.resampled([whole]).items():
        # Shares are added up in another order where a matrix has another height; whole numbers are exact.
        np.testing.assert_allclose(parts[name], values, rtol=1e-13 if kind == "maps" else 0)


def test_draws_hang_on_the_seed_alone():
    first = draws(13, count=50, seed=5)
    assert (first.sum(axis=1) == 13).all()
    np.testing.assert_array_equal(first, draws(13, count=50, seed=5))
    assert (first != draws(13, count=50, seed=6)).any()


@pytest.mark.parametrize("pictures", [5, 13, 100])
def test_bounds_of_a_mean_are_near_those_of_student_s_t(pictures):
    """Of normal values the right answer is known; the bootstrap's is near it, and without the widening would not be."""
    rng = np.random.default_rng(0)
    ratios, plain = [], []
    for _ in range(60):
        values = rng.normal(2, 1, pictures)
        means = draws(pictures, count=2000) @ values / pictures
        low, high = bounds(means, pictures)
        right = stats.t.interval(0.9, pictures - 1, values.mean(), values.std(ddof=1) / math.sqrt(pictures))
        ratios.append((high - low) / (right[1] - right[0]))
        plain.append(np.subtract(*np.quantile(means, [0.95, 0.05])) / (right[1] - right[0]))
    assert np.mean(ratios) == pytest.approx(1, abs=0.12)
    assert abs(np.mean(ratios) - 1) <= abs(np.mean(plain) - 1) + 0.01


def test_one_picture_bounds_nothing():
    assert bounds(np.full(100, 0.3), 1) == (-math.inf, math.inf)
    assert bounds(np.full(100, np.nan), 20) == (-math.inf, math.inf)
    assert bounds(np.array([np.nan, 0.5, 0.5]), 20) == (0.5, 0.5)
