"""Any trained or exported model as one callable on raw pictures. TensorFlow is imported only where it runs."""

import json
from pathlib import Path
from typing import Any

from ...trainers.errors import DataError, UsageError, first_line
from ...trainers.files import check_sha256
from ...trainers.machine import held_back_stderr
from ...trainers.models.detector.suppression import Suppression
from ...trainers.replacing import is_there
from ..card import CARD_NAME, NAMES_AND_CONTENTS, ModelCard, read_card
from ..formats.registry import FORMATS, by_rank
from ..signatures import KerasModel
from ..tasks import TASKS, alternatives, get_task
from ..tasks.base import ExportTask, Facts
from .base import Runner

_FORMS = ["a run folder", "an exported model's folder", "a .keras file", *(known.form for known in FORMATS.values())]
FORMS = f"{', '.join(_FORMS[:-1])} or {_FORMS[-1]}"
"""What `load_runner` takes, for errors."""


def load_runner(
    path: str | Path, *, threads: int | None = None, trust: bool = False, suppression: Suppression | None = None
) -> Runner:
    """Load a model from whatever a user names, see `FORMS`; of an exported model's folder the int8 file comes first.

    The card of an exported file is found beside it, and the file must be the one that it describes. `threads` are for
    .tflite files; by default the cores at hand, at most 4. `trust` lets a SavedModel or Keras model run code. The
    `suppression` is for Keras detectors, exported ones have theirs inside.

    Raises:
        UsageError: there is nothing there, it is no model of a task known here, it holds code, or has a suppression of
            its own or none.
        DataError: a model or card that cannot be read, or a file that is not what its card says.
    """
    path = Path(path)
    if threads is not None and threads < 1:
        raise UsageError(f"threads must be at least 1, got {threads}")
    if not is_there(path):
        raise UsageError(f"no model at {path}: expected {FORMS}")
    for known in FORMATS.values():
        if known.recognises(path):
            card = _card_beside(path)
            # A link may be called otherwise than what it leads to, and `.` has no name at all.
            if card is None or path.name not in card.files:
                file = path.resolve()
                if (found := _card_beside(file)) and file.name in found.files:
                    path, card = file, found
            if card and path.name in card.files:
                entry = card.files[path.name]
                check_sha256(path, entry["sha256"], names=entry["sha256_of"] == NAMES_AND_CONTENTS)
            runner = known.open(path, card=card, threads=threads, trust=trust)
            if suppression is not None:
                get_task(runner.task).suppressing(suppression)  # which other tasks refuse
                own = f" ({Suppression.from_dict(card.suppression)})" if card and card.suppression else ""
                raise UsageError(
                    f"{path} thins out its boxes itself{own}: leave --nms, --nms-iou, --nms-sigma, --nms-per-class and "
                    "--max-detections out, or give the run folder or .keras file"
                )
            return runner
    keras_file = path if path.suffix == ".keras" and path.is_file() else path / "model.keras"
    if keras_file.is_file():
        return _open_keras(keras_file, trust, suppression)
    if path.is_file():
        raise UsageError(f"{path} is no model: expected {FORMS}")
    exported = [path / variant.file for _, variant in by_rank() if (path / variant.file).exists()]
    if (path / CARD_NAME).is_file():
        _card_beside(path / CARD_NAME)
        if not exported:
            files = ", ".join(variant.file for _, variant in by_rank())
            raise DataError(f"{path} has a card but none of {files}: export the model again")
        return load_runner(exported[0], threads=threads, trust=trust, suppression=suppression)
    if exported:
        raise UsageError(f"{path} has no {CARD_NAME}: export the model again, or name one of its files ({exported[0]})")
    if (path / "config.json").is_file():
        raise UsageError(f"{path} is a run without model.keras: train it to the end of its first epoch")
    raise UsageError(f"{path} holds no model: expected {FORMS}")


def load_keras(path: str | Path, *, trust: bool = False) -> tuple[KerasModel, ExportTask]:
    """Load a `.keras` file of a known task, in float32; gives the model as its task serves it, and the task."""
    from ...trainers.models.keras_file import load_keras_file
    from ...trainers.models.precision import in_float32

    model = load_keras_file(Path(path), trust=trust)
    for task in TASKS.values():
        if task.keras_size(model) is not None:
            return in_float32(task.prepare(model)), task
    shape, output = getattr(model, "input_shape", None), getattr(model, "output_shape", None)
    raise UsageError(
        f"{path} is no {alternatives()} model: expected input [B, S, S, 3] and output [B, S, S], one that 'metricfit "
        f"train segmentation' made, or one of its detectors; got {shape} and {output}"
    )


def _open_keras(path: Path, trust: bool, suppression: Suppression | None) -> Runner:
    with held_back_stderr():
        from .keras import KerasRunner

    run = _json(path.parent / "config.json")
    if run.get("task") is not None and run["task"] not in TASKS:
        raise UsageError(f"{path.parent} is a {run['task']} run: expected a {alternatives()} model")
    model, task = load_keras(path, trust=trust)
    task, facts = task.suppressing(suppression), task.keras_facts(model)
    if run:
        facts = read_facts(task, facts, path.parent)
    if facts.fitted:
        model.calibration = facts.fitted.calibration
    runner = KerasRunner(model, path, task, facts=facts)
    runner.trusted = trust
    return runner


def read_facts(task: ExportTask, facts: Facts, run: Path) -> Facts:
    """Add to what is known of a model what the metrics.json of its run says of thresholds and calibration."""
    path = run / "metrics.json"
    try:
        facts = task.run_facts(facts, _json(path))
        for threshold in (facts.threshold or 0.0, *facts.per_class):
            if not 0 <= threshold <= 1:
                raise ValueError(f"{threshold} is not from 0 to 1")
    except (AttributeError, TypeError, ValueError, KeyError, OverflowError) as error:
        message = f"{path} holds thresholds or a calibration that are none ({first_line(error)}): train again"
        raise DataError(message) from error
    return facts


def _json(path: Path) -> dict[str, Any]:
    """A JSON object, or an empty one where there is no such file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise DataError(f"{path} is not JSON ({error}): train again") from error
    return found if isinstance(found, dict) else {}


def _card_beside(path: Path) -> ModelCard | None:
    """Read the card of a file's folder, where there is one, of a task known here."""
    if not (path.parent / CARD_NAME).is_file():
        return None
    card = read_card(path.parent / CARD_NAME)
    get_task(card.task)
    return card
