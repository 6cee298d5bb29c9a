"""The figures as Keras metrics."""
