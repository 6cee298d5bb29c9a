"""Tests of `metricfit.trainers.data.packed`."""
