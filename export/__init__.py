"""From a trained model to files that were compared with it; only `export_run` imports TensorFlow."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .card import ExportResult, ModelCard, read_card
    from .exporter import export_run
    from .runners.base import Runner
    from .runners.load import load_runner

__all__ = ["ExportResult", "ModelCard", "Runner", "export_run", "load_runner", "read_card"]

_ROOMS = {
    "ExportResult": ".card",
    "ModelCard": ".card",
    "Runner": ".runners.base",
    "export_run": ".exporter",
    "load_runner": ".runners.load",
    "read_card": ".card",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return getattr(importlib.import_module(_ROOMS[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
