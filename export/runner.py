"""Any trained or exported saliency model as one callable on raw pictures. TensorFlow is imported only where it runs."""

import json
from abc import ABC, abstractmethod
from pathlib import Path

import numpy as np

from ..trainers.errors import DataError, UsageError, first_line
from ..trainers.machine import cores, held_back_stderr
from .card import CARD_NAME, ModelCard, read_card

TASK = "saliency"
FORMS = "a run folder, an exported model's folder, a SavedModel folder, a .keras or a .tflite file"
# In an exported model's folder, the first of these that is there: smallest first, since the demo runs anywhere.
_PREFERENCE = (
    "model_int8.tflite",
    "model_float32.tflite",
    "model_dynamic.tflite",
    "model_float16.tflite",
    "saved_model",
)
# Where maps are cut when neither a card nor a run names the model's best threshold.
DEFAULT_THRESHOLD = 0.5
# Small models lose speed on more threads than this.
_MOST_THREADS = 4


class Runner(ABC):
    """A saliency model from pictures to maps.

    Attributes:
        path: the file or folder that is run.
        kind: `keras`, `saved_model` or `tflite`.
        size: side S of the square input, in pixels.
        card: the model's card, or None where there is none.
        threshold: where to cut its maps: the card's or the run's best threshold, else 0.5.
        threshold_origin: where that comes from: `card`, `run`, or `default` where neither names one.
    """

    kind: str

    def __init__(self, path, *, size: int, card: ModelCard | None, threshold: float | None = None):
        self.path, self.size, self.card = Path(path), size, card
        known = _threshold_of(card, self.path) if card else threshold
        self.threshold = DEFAULT_THRESHOLD if known is None else known
        self.threshold_origin = "card" if card else "default" if threshold is None else "run"
        if card and card.input_size != size:
            raise DataError(
                f"the card of {path} says input_size {card.input_size}, the model takes {size}: export the model again"
            )

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Find what is salient.

        Args:
            images: uint8 [B, S, S, 3], RGB.

        Returns:
            float32 [B, S, S] in [0, 1].

        Raises:
            UsageError: images of another shape or type.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (self.size, self.size, 3):
            raise UsageError(
                f"images must be uint8 [B, {self.size}, {self.size}, 3], got {images.dtype} {list(images.shape)}"
            )
        if not len(images):
            return np.zeros((0, self.size, self.size), np.float32)
        return self._run(images)

    @abstractmethod
    def _run(self, images: np.ndarray) -> np.ndarray:
        """Run the model on checked pictures."""


class KerasRunner(Runner):
    """Runs a Keras model that gives logits.

    Args:
        model: input [B, S, S, 3], output logits [B, S, S].
        path: where it comes from.
        threshold: where its run found it best to cut its maps; None where no run says so.
    """

    kind = "keras"

    def __init__(self, model, path, *, threshold: float | None = None):
        import tensorflow as tf

        from .saved_model import input_size

        size = input_size(model, path)
        super().__init__(path, size=size, card=None, threshold=threshold)

        @tf.function(input_signature=[tf.TensorSpec((None, size, size, 3), tf.uint8)])
        def saliency(image):
            return tf.sigmoid(tf.cast(model(tf.cast(image, tf.float32), training=False), tf.float32))

        self._saliency = saliency

    def _run(self, images):
        return self._saliency(images).numpy()


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
        signature = self._loaded.signatures.get("serving_default")
        inputs = signature.structured_input_signature[1] if signature is not None else {}
        outputs = signature.structured_outputs if signature is not None else {}
        if len(inputs) != 1 or len(outputs) != 1:
            raise UsageError(
                f"the signature serving_default of {path} must have one input and one output, "
                f"got {len(inputs)} and {len(outputs)}: expected a saliency model"
            )
        (self._input, image), (self._output, saliency) = *inputs.items(), *outputs.items()
        self._signature, self._dtype = signature, image.dtype
        size = _checked_size(list(image.shape), list(saliency.shape), path)
        super().__init__(path, size=size, card=card)

    def _run(self, images):
        import tensorflow as tf

        given = {self._input: tf.constant(images.astype(self._dtype.as_numpy_dtype, copy=False))}
        return self._signature(**given)[self._output].numpy().astype(np.float32, copy=False)


class TFLiteRunner(Runner):
    """Runs a .tflite file, picture by picture, with LiteRT and XNNPACK.

    Args:
        path: the file.
        card: its card.
        threads: threads to compute with; None takes the cores at hand, at most 4.
    """

    kind = "tflite"

    def __init__(self, path, *, card: ModelCard | None = None, threads: int | None = None):
        from ai_edge_litert.interpreter import Interpreter

        self.threads = threads or default_threads()
        try:
            with held_back_stderr():
                self._interpreter = Interpreter(str(path), num_threads=self.threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise DataError(
                f"{path} cannot be read as a TFLite model ({first_line(error)}): export it again"
            ) from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise UsageError(
                f"{path} must have one input and one output, got {len(inputs)} and {len(outputs)}: "
                "expected a saliency model"
            )
        self._input, self._output = inputs[0], outputs[0]
        size = _checked_size(self._input["shape"].tolist(), self._output["shape"].tolist(), path)
        super().__init__(path, size=size, card=card)
        self._table = _dequantisation(self._output)

    def _run(self, images):
        maps = np.empty(images.shape[:3], np.float32)
        for index in range(len(images)):
            self._interpreter.set_tensor(self._input["index"], _as_input(images[index : index + 1], self._input))
            self._interpreter.invoke()
            found = self._interpreter.get_tensor(self._output["index"])[0]
            maps[index] = found if self._table is None else self._table[found.view(np.uint8)]
        return maps


def load_runner(path, *, threads: int | None = None) -> Runner:
    """Load a saliency model from whatever a user names.

    Args:
        path: a run folder, an exported model's folder (its int8 file comes first), a SavedModel folder, a .keras or a
            .tflite file. The card of an exported file is found beside it.
        threads: threads for .tflite files; None takes the cores at hand, at most 4.

    Raises:
        UsageError: there is nothing there, or it is no saliency model.
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


def default_threads() -> int:
    """Threads that a .tflite file runs on unless told otherwise: the cores at hand, at most 4."""
    return min(_MOST_THREADS, cores())


def _load_keras(path: Path) -> KerasRunner:
    with held_back_stderr():
        from .saved_model import load_keras

    threshold = None
    run = _json(path.parent / "config.json")
    if run.get("task", TASK) != TASK:
        raise UsageError(f"{path.parent} is a {run['task']} run: expected a {TASK} model")
    if run:
        curves = _json(path.parent / "metrics.json").get("curves", {})
        threshold = float(curves["optimal_threshold"]) if "optimal_threshold" in curves else None
    return KerasRunner(load_keras(path), path, threshold=threshold)


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
    if card.task != TASK:
        raise UsageError(f"{path} is a {card.task} model: expected a {TASK} model")
    return card


def _threshold_of(card: ModelCard, path: Path) -> float:
    entry = card.files.get(path.name)
    return float((entry or {"thresholds": card.thresholds})["thresholds"]["optimal"])


def _checked_size(image: list, saliency: list, path) -> int:
    fits = len(image) == 4 and image[3] == 3 and image[1] and image[1] == image[2] and saliency[1:] == image[1:3]
    if not fits:
        raise UsageError(
            f"{path} is no saliency model: expected input [B, S, S, 3] and output [B, S, S], got {image} and {saliency}"
        )
    return int(image[1])


def _as_input(image: np.ndarray, details: dict) -> np.ndarray:
    dtype, (scale, zero_point) = np.dtype(details["dtype"]), details["quantization"]
    if not scale or (dtype == np.uint8 and scale == 1 and zero_point == 0):
        return image.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.round(image / np.float32(scale)) + zero_point, limits.min, limits.max).astype(dtype)


def _dequantisation(details: dict) -> np.ndarray | None:
    """What each stored byte means, float32 [256], or None where the output is float."""
    dtype, (scale, zero_point) = np.dtype(details["dtype"]), details["quantization"]
    if dtype.itemsize != 1:
        return None
    values = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float32)
    return np.clip((values - zero_point) * np.float32(scale), 0, 1)
