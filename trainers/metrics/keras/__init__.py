"""The figures as Keras metrics, for `compile(metrics=[...])`; `metricfit.metrics` is what users import.

All take batches, hold sums that add up over the replicas of `tf.distribute`, compile under XLA, and keep their sums in
float32 or better whatever the dtype policy is.
"""
