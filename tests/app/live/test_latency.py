"""Quantiles of times in bins, against NumPy's of all of them."""

import numpy as np
import pytest

from metricfit.app.live.latency import LONGEST, SHORTEST, Latencies


@pytest.mark.parametrize("middle", [0.05, 3.0, 40.0, 2e4])
def test_quantiles_are_within_half_a_percent(middle):
    times = middle * np.random.default_rng(0).lognormal(0, 0.5, 20_001)
    latencies = Latencies()
    size = latencies._counts.nbytes
    for milliseconds in times:
        latencies.add(milliseconds)
    assert len(latencies) == len(times)
    for share in (0.05, 0.5, 0.95, 0.999):
        assert latencies.quantile(share) == pytest.approx(np.quantile(times, share), rel=0.006)
    assert latencies.recent == pytest.approx(np.median(times[-30:]))
    assert (latencies._counts.nbytes, len(latencies._recent)) == (size, 30)


def test_a_single_time_and_the_ends():
    for milliseconds in (7.3, SHORTEST, LONGEST):
        latencies = Latencies()
        latencies.add(milliseconds)
        for share in (0.0, 0.5, 1.0):
            assert latencies.quantile(share) == pytest.approx(milliseconds, rel=0.0051), share
    latencies.add(0.0)
    latencies.add(1e9)
    assert len(latencies) == 3
    assert np.isnan(Latencies().quantile(0.5))
