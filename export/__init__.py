"""From a trained model to files that were compared with it.

`load_runner` and the card come without TensorFlow; `export_run` imports it when it is first asked for.
"""

import importlib

from .card import ModelCard, read_card
from .runners.runner import Runner, load_runner

__all__ = ["ModelCard", "Runner", "export_run", "load_runner", "read_card"]


def __getattr__(name):
    if name == "export_run":
        return importlib.import_module(__name__ + ".exporter").export_run
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
