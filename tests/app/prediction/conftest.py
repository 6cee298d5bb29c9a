"""What tests of predictions share: a predictor that finds what is bright, in the place of a model."""

import pytest

from metricfit.app.prediction import prediction

from ..fakes import load_fake_predictor


@pytest.fixture
def bright(monkeypatch):
    """Predict with what finds bright pixels, whatever model is asked for."""
    monkeypatch.setattr(prediction, "load_predictor", load_fake_predictor)
