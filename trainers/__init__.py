"""Training: data, models, metrics, callbacks, and one file a task."""

import importlib

_MODULES = ("config", "detection", "figures", "run", "saliency")


def __getattr__(name):
    # Imported when first asked for: configurations and errors must not wait for TensorFlow.
    if name in _MODULES:
        return importlib.import_module(f"metricfit.trainers.{name}")
    raise AttributeError(f"module 'metricfit.trainers' has no attribute {name!r}")
