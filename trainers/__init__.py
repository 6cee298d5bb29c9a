"""Training: data, models, metrics, judges, and one file a task."""

import importlib


def __getattr__(name):
    from .training.config import CONFIGS

    # Imported when first asked for: configurations and errors must not wait for TensorFlow.
    if name in CONFIGS:
        return importlib.import_module(f"{__name__}.tasks.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
