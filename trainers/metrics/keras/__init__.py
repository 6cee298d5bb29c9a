"""The figures as Keras metrics: batches, sums over replicas, XLA, at least float32; see `metricfit.metrics`."""
