"""Training: data, models, metrics, callbacks, and one file a task."""
