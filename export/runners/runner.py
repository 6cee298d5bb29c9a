"""Any trained or exported model as one callable on raw pictures. TensorFlow is imported only where it runs."""

import functools
import json
from pathlib import Path

from ...trainers.errors import DataError, UsageError, first_line
from ...trainers.machine import held_back_stderr
from ..card import CARD_NAME, ModelCard, read_card
from ..tasks.base import SIGNATURE, TASKS, ExportTask, Facts, alternatives, get_task, task_of_outputs
from .base import Runner
from .tflite import TFLiteRunner, default_threads

__all__ = [
    "FORMS",
    "KerasRunner",
    "Runner",
    "SavedModelRunner",
    "TFLiteRunner",
    "default_threads",
    "load_runner",
]

FORMS = "a run folder, an exported model's folder, a SavedModel folder, a .keras or a .tflite file"
# In an exported model's folder, the first of these that is there: smallest first, since the demo runs anywhere.
_PREFERENCE = (
    "model_int8.tflite",
    "model_float32.tflite",
    "model_dynamic.tflite",
    "model_float16.tflite",
    "saved_model",
)


class KerasRunner(Runner):
    """Runs a Keras model.

    Args:
        model: as `saved_model.load_keras` gives it.
        path: where it comes from.
        task: its task.
        facts: what is known about it; by default what it says itself.

    Attributes:
        model: the model.
    """

    kind = "keras"

    def __init__(self, model, path, task: ExportTask, *, facts: Facts | None = None):
        import tensorflow as tf

        size = task.keras_size(model)
        super().__init__(task, path, size=size, facts=facts or task.keras_facts(model))
        self.model = model
        stages = task.stages(model)

        @functools.cache
        def function(signature):
            serve = stages.serve(signature)

            @tf.function(input_signature=[tf.TensorSpec((None, size, size, 3), tf.uint8)])
            def run(image):
                return serve(tf.cast(image, tf.float32))

            return run

        self._function = function

    def _run(self, images, signature=SIGNATURE):
        return {name: found.numpy() for name, found in self._function(signature)(images).items()}


class SavedModelRunner(Runner):
    """Runs the `serving_default` signature of a SavedModel."""

    kind = "saved_model"

    def __init__(self, path, *, card: ModelCard | None = None):
        with held_back_stderr():
            import tensorflow as tf

        try:
            self._loaded = tf.saved_model.load(str(path))
        except (OSError, ValueError, tf.errors.OpError) as error:
            raise DataError(f"{path} cannot be read as a SavedModel ({first_line(error)}): export it again") from error
        signature = self._loaded.signatures.get(SIGNATURE)
        inputs = signature.structured_input_signature[1] if signature is not None else {}
        if len(inputs) != 1:
            raise UsageError(
                f"the signature {SIGNATURE} of {path} must have one input, got {len(inputs)}: expected a "
                f"{alternatives()} model"
            )
        ((self._input, image),) = inputs.items()
        self._dtype = image.dtype
        shapes = {name: _shape(found.shape) for name, found in signature.structured_outputs.items()}
        task, size = task_of_outputs(_shape(image.shape), shapes, path)
        super().__init__(task, path, size=size, card=card)

    def _run(self, images, signature=SIGNATURE):
        import tensorflow as tf

        given = {self._input: tf.constant(images.astype(self._dtype.as_numpy_dtype, copy=False))}
        return {name: found.numpy() for name, found in self._loaded.signatures[signature](**given).items()}


def load_runner(path, *, threads: int | None = None) -> Runner:
    """Load a model from whatever a user names.

    Args:
        path: a run folder, an exported model's folder (its int8 file comes first), a SavedModel folder, a .keras or a
            .tflite file. The card of an exported file is found beside it.
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
    if path.is_file():
        if path.suffix == ".tflite":
            return TFLiteRunner(path, card=_card_beside(path), threads=threads)
        if path.suffix == ".keras":
            return _load_keras(path)
        raise UsageError(f"{path} is no model: expected {FORMS}")
    if (path / "saved_model.pb").is_file():
        return SavedModelRunner(path, card=_card_beside(path))
    if (path / "model.keras").is_file():
        return _load_keras(path / "model.keras")
    exported = [path / name for name in _PREFERENCE if (path / name).exists()]
    if (path / CARD_NAME).is_file():
        _card_beside(path / CARD_NAME)
        if not exported:
            raise DataError(f"{path} has a card but none of {', '.join(_PREFERENCE)}: export the model again")
        return load_runner(exported[0], threads=threads)
    if exported:
        raise UsageError(f"{path} has no {CARD_NAME}: export the model again, or name one of its files ({exported[0]})")
    if (path / "config.json").is_file():
        raise UsageError(f"{path} is a run without model.keras: train it to the end of its first epoch")
    raise UsageError(f"{path} holds no model: expected {FORMS}")


def _load_keras(path: Path) -> KerasRunner:
    with held_back_stderr():
        from ..formats.saved_model import load_keras

    run = _json(path.parent / "config.json")
    if run.get("task") is not None and run["task"] not in TASKS:
        raise UsageError(f"{path.parent} is a {run['task']} run: expected a {alternatives()} model")
    model, task = load_keras(path)
    facts = task.keras_facts(model)
    if run:
        facts = task.run_facts(facts, _json(path.parent / "metrics.json"))
    return KerasRunner(model, path, task, facts=facts)


def _json(path: Path) -> dict:
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


def _shape(shape) -> list:
    """Give a TensorShape as a list; empty where even the rank is unknown."""
    return shape.as_list() if shape.rank is not None else []
