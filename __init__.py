"""Train Keras models directly for the numbers they are judged by: F-measure, IoU, average precision."""

import importlib

__version__ = "0.2.0"

_SUBPACKAGES = ("losses", "metrics", "trainers", "export", "app")


def __getattr__(name):
    if name in _SUBPACKAGES:
        return importlib.import_module("metricfit." + name)
    raise AttributeError(f"module 'metricfit' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *_SUBPACKAGES])
