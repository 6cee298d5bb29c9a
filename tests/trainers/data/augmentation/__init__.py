"""Tests of `metricfit.trainers.data.augmentation`."""
