"""What a prediction was begun with, and in what another one that is to go on with it differs."""

from collections.abc import Iterator, Mapping
from typing import Any

from ...trainers.files import digest
from ...trainers.models.detector.suppression import USUAL
from ..predictor import Predictor
from ..tasks.base import Writer

SCHEMA_VERSION = 1
_SHOWN = 60  # letters of a value


def head_of(predictor: Predictor, writer: Writer, smooth: float = 0.0) -> dict[str, Any]:
    """Give what results.json begins with; `smooth` is how much of a video's frame before is kept."""
    smoothed = {"smooth": smooth} if smooth else {}
    return {"schema_version": SCHEMA_VERSION, **model_settings(predictor), **smoothed, **writer.settings()}


def settings_of(predictor: Predictor, writer: Writer, smooth: float = 0.0) -> dict[str, Any]:
    """Give what a pass that goes on with another one must be told alike."""
    return {**head_of(predictor, writer, smooth), "objects": writer.objects, "sha256": model_sha256(predictor)}


def model_settings(predictor: Predictor) -> dict[str, Any]:
    """Give what results.json says of the model."""
    runner = predictor.runner
    return {
        "task": predictor.task.name,
        "model": str(runner.path),
        "card": runner.card and runner.card.name,
        "input_size": runner.size if isinstance(runner.size, int) else [*runner.size],
        # Said where it is not the usual way, so that what began before there was another can be gone on with.
        **({"suppression": runner.suppression.to_dict()} if runner.suppression not in (None, USUAL) else {}),
        **({"tiles": predictor.tiling.along, "tile_overlap": predictor.tiling.overlap} if predictor.tiling else {}),
    }


def model_sha256(predictor: Predictor) -> str:
    """Give the SHA-256 of the model's file or folder; empty where it has none."""
    path = predictor.runner.path
    return digest(path)[1] if path.exists() else ""


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say in what settings differ, a few words each; a model that only lies elsewhere is the same."""
    same = before.get("sha256") == now.get("sha256") != ""
    passed = {"model", "card", "sha256"} if same else {"sha256"}
    found = list(_different(before, now, passed))
    if not found and not same and before.get("sha256") != now.get("sha256"):
        found = [f"another file as the model {now['model']}"]
    return found


def _different(before: Mapping[str, Any], now: Mapping[str, Any], passed: set[str]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *now]):
        if name not in passed and before.get(name) != now.get(name):
            yield f"{name.replace('_', ' ')} {_short(before.get(name))} there and {_short(now.get(name))} now"


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
