"""Tests of `metricfit.trainers.data.large`."""
