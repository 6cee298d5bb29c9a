"""Any trained or exported model as one callable on raw pictures. TensorFlow is imported only where it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...trainers.errors import DataError, UsageError, first_line
from ...trainers.machine import held_back_stderr
from ..card import CARD_NAME, ModelCard, read_card
from ..formats.registry import FORMATS, by_rank
from ..tasks import TASKS, alternatives, get_task
from ..tasks.base import ExportTask
from .base import Runner

if TYPE_CHECKING:
    import keras

    from .keras import KerasRunner

_FORMS = ["a run folder", "an exported model's folder", "a .keras file", *(known.form for known in FORMATS.values())]
FORMS = f"{', '.join(_FORMS[:-1])} or {_FORMS[-1]}"
"""What `load_runner` takes, for errors."""


def load_runner(path: str | Path, *, threads: int | None = None) -> Runner:
    """Load a model from whatever a user names.

    Args:
        path: a run folder, an exported model's folder (its int8 file comes first), a .keras file, or any file or folder
            that an export holds. The card of an exported file is found beside it.
        threads: threads for .tflite files; None takes the cores at hand, at most 4.

    Raises:
        UsageError: there is nothing there, or it is no model of a task known here.
        DataError: a model or card that cannot be read.
    """
    path = Path(path)
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, got {threads}")
    if not path.exists():
        raise UsageError(f"no model at {path}: expected {FORMS}")
    for known in FORMATS.values():
        if known.recognises(path):
            return known.open(path, card=_card_beside(path), threads=threads)
    if path.is_file() and path.suffix == ".keras":
        return _open_keras(path)
    if path.is_file():
        raise UsageError(f"{path} is no model: expected {FORMS}")
    if (path / "model.keras").is_file():
        return _open_keras(path / "model.keras")
    exported = [path / variant.file for _, variant in by_rank() if (path / variant.file).exists()]
    if (path / CARD_NAME).is_file():
        _card_beside(path / CARD_NAME)
        if not exported:
            files = ", ".join(variant.file for _, variant in by_rank())
            raise DataError(f"{path} has a card but none of {files}: export the model again")
        return load_runner(exported[0], threads=threads)
    if exported:
        raise UsageError(f"{path} has no {CARD_NAME}: export the model again, or name one of its files ({exported[0]})")
    if (path / "config.json").is_file():
        raise UsageError(f"{path} is a run without model.keras: train it to the end of its first epoch")
    raise UsageError(f"{path} holds no model: expected {FORMS}")


def load_keras(path: str | Path) -> tuple[keras.Model, ExportTask]:
    """Load a model saved by Keras, in float32 and ready for inference.

    Args:
        path: a `.keras` file: a saliency model with input [B, S, S, 3] and logits [B, S, S] or [B, S, S, 1], a
            segmentation model that ends in `ClassLogits`, or a `RetinaNet`.

    Returns:
        The model as its task serves it, and the task.

    Raises:
        DataError: the file cannot be read.
        UsageError: it is a model of another kind.
    """
    import keras

    # Importing them registers the project's losses and models with Keras.
    from ... import losses  # noqa: F401
    from ...trainers.models.precision import in_float32
    from ...trainers.models.registry import import_builders

    import_builders()
    try:
        model = keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataError(
            f"{path} cannot be read as a Keras model ({first_line(error)}): train or save it again"
        ) from error
    task = _task_of_model(model, path)
    return in_float32(task.prepare(model)), task


def _task_of_model(model: keras.Model, path: str | Path) -> ExportTask:
    for task in TASKS.values():
        if task.keras_size(model) is not None:
            return task
    shape, output = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    raise UsageError(
        f"{path} is no {alternatives()} model: expected input [B, S, S, 3] and output [B, S, S], one that 'metricfit "
        f"train segmentation' made, or a RetinaNet; got {shape} and {output}"
    )


def _open_keras(path: Path) -> KerasRunner:
    with held_back_stderr():
        from .keras import KerasRunner

    run = _json(path.parent / "config.json")
    if run.get("task") is not None and run["task"] not in TASKS:
        raise UsageError(f"{path.parent} is a {run['task']} run: expected a {alternatives()} model")
    model, task = load_keras(path)
    facts = task.keras_facts(model)
    if run:
        facts = task.run_facts(facts, _json(path.parent / "metrics.json"))
    return KerasRunner(model, path, task, facts=facts)


def _json(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one where there is no such file."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON ({error}): train again") from error
    return found if isinstance(found, dict) else {}


def _card_beside(path: Path) -> ModelCard | None:
    file = path.parent / CARD_NAME
    if not file.is_file():
        return None
    card = read_card(file)
    get_task(card.task)
    return card
