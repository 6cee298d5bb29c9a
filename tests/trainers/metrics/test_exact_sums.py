"""Sums that come out the same in any order, against Python's exact ones."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metricfit.trainers.metrics.exact_sums import ExactSum

# A share of a picture: whole numbers of pixels over more of them.
SHARES = st.tuples(st.integers(0, 2**27), st.integers(1, 2**27)).map(lambda pair: min(pair) / max(pair))


@settings(deadline=None)
@given(values=st.lists(SHARES, max_size=30), cut=st.integers(0, 30))
def test_a_sum_is_the_exact_one_rounded_however_it_is_cut(values, cut):
    whole, first, second = ExactSum(), ExactSum(), ExactSum()
    for value in values:
        whole.add(value)
    for value in values[:cut]:
        first.add(value)
    for value in reversed(values[cut:]):
        second.add(value)
    assert float(whole.value) == math.fsum(values)
    assert float((second + first).value) == math.fsum(values)


def test_arrays_are_added_place_by_place():
    values = np.random.default_rng(0).random((1000, 3, 5))
    total = ExactSum((3, 5))
    for one in values:
        total.add(one)
    expected = [[math.fsum(values[:, row, column]) for column in range(5)] for row in range(3)]
    np.testing.assert_array_equal(total.value, expected)
    assert np.any(values.sum(axis=0) != expected)  # which a sum in floating point misses


@pytest.mark.parametrize("wrong", [-1e-9, 2.5, float("nan"), float("inf")])
def test_what_would_not_fit_is_refused(wrong):
    with pytest.raises(ValueError, match=r"must lie in \[0, 2\]"):
        ExactSum((2,)).add([0.5, wrong])


def test_very_many_fit():
    total = ExactSum()
    total.add(2.0)
    for _ in range(29):
        total = total + total
    assert float(total.value) == 2.0**30
