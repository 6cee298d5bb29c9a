"""Losses that are the metric, as pure functions and as Keras classes."""
