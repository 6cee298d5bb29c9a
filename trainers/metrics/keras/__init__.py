"""The figures as Keras metrics: batches, sums over replicas, XLA, at least float32; see `metricfit.metrics`."""

from ....losses import backend  # noqa: F401 - first, since it refuses others than TensorFlow
