"""The tests. What TensorFlow says of the machine when it is imported would stand among their results."""

from metricfit.trainers.machine import hold_back_tensorflow

hold_back_tensorflow()
