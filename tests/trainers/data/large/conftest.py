"""Limits so low that pictures of a few thousand pixels are large, and are read in many bands."""

import pytest

from metricfit.trainers.data.large import reduction


@pytest.fixture
def low_limits(monkeypatch):
    for name, value in {"LARGE": 4000, "SEEN": 1000, "LEAST_SIDE": 8, "_BAND": 700}.items():
        monkeypatch.setattr(reduction, name, value)
