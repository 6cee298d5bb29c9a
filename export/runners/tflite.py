"""Runs .tflite files with LiteRT, of any task. Imports no TensorFlow."""

from pathlib import Path
from typing import Any

import numpy as np

from ...trainers.errors import DataError, UsageError, first_line
from ...trainers.machine import cores, held_back_stderr
from ..card import ModelCard
from ..signatures import IMAGE, SIGNATURE
from ..tasks import alternatives, task_of_outputs
from .base import Runner
from .lending import Lending
from .tflite_bounds import refuse_unbounded


class TFLiteRunner(Runner):
    """Runs a .tflite file, picture by picture, with LiteRT and XNNPACK, by default on the cores at hand, at most 4.

    An interpreter serves one thread at a time: calls from several get one each while the cores last, and take turns
    beyond that. The file is read once, so that all of them are of one model, whatever becomes of it.
    """

    kind, forks = "tflite", True

    def __init__(self, path: str | Path, *, card: ModelCard | None = None, threads: int | None = None):
        self.threads = threads or default_threads()
        # A file with the SHA-256 of its card is as it was exported.
        self._vouched = card is not None and Path(path).name in card.files
        try:
            self._content = Path(path).read_bytes()
            self._interpreters = Lending(self._open, most=max(1, cores() // self.threads))
            with self._interpreters.lent() as interpreter:
                self._input, self._outputs = _tensors(interpreter, path)
        except (OSError, ValueError, RuntimeError) as error:
            message = f"{path} cannot be read as a TFLite model ({first_line(error)}): export it again"
            raise DataError(message) from error
        shapes = {name: details["shape"].tolist() for name, details in self._outputs.items()}
        task, size = task_of_outputs(self._input["shape"].tolist(), shapes, path)
        super().__init__(task, path, size=size, card=card)
        self._tables = {name: _dequantisation(details) for name, details in self._outputs.items()}

    def _open(self) -> Any:
        from ai_edge_litert.interpreter import Interpreter

        with held_back_stderr():
            interpreter = Interpreter(model_content=self._content, num_threads=self.threads)
            if not self._vouched:
                refuse_unbounded(self._content, interpreter)
            interpreter.allocate_tensors()
        return interpreter

    def _run(self, images: np.ndarray, signature: str = SIGNATURE) -> dict[str, np.ndarray]:
        try:
            return self._run_by_one(images, signature)
        except (RuntimeError, ValueError) as error:
            raise DataError(f"{self.path} cannot be run ({first_line(error)}): export it again") from error

    def _run_by_one(self, images: np.ndarray, signature: str) -> dict[str, np.ndarray]:
        with self._interpreters.lent() as interpreter:
            if signature != SIGNATURE:
                run = interpreter.get_signature_runner(signature)
                answers = [run(**{IMAGE: _as_input(image[None], self._input)}) for image in images]
                return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}
            found: dict[str, list[np.ndarray]] = {name: [] for name in self._outputs}
            for image in images:
                interpreter.set_tensor(self._input["index"], _as_input(image[None], self._input))
                interpreter.invoke()
                for name, details in self._outputs.items():
                    value, table = interpreter.get_tensor(details["index"])[0], self._tables[name]
                    found[name].append(value if table is None else table[value.view(np.uint8)])
            return {name: np.stack(values) for name, values in found.items()}


def default_threads() -> int:
    """Threads that a .tflite file runs on unless told otherwise; on more than 4 small models lose speed."""
    return min(4, cores())


def _tensors(interpreter: Any, path: str | Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Give the details of a file's input, and of its outputs by name."""
    inputs, signatures = interpreter.get_input_details(), interpreter.get_signature_list()
    if len(inputs) != 1:
        raise UsageError(f"{path} must have one input, got {len(inputs)}: expected a {alternatives()} model")
    if len(signatures) == 1 or SIGNATURE in signatures:
        key = SIGNATURE if SIGNATURE in signatures else next(iter(signatures))
        return inputs[0], interpreter.get_signature_runner(key).get_output_details()
    return inputs[0], {details["name"]: details for details in interpreter.get_output_details()}


def _as_input(image: np.ndarray, details: dict[str, Any]) -> np.ndarray:
    dtype, (scale, zero_point) = np.dtype(details["dtype"]), details["quantization"]
    if not scale or (dtype == np.uint8 and scale == 1 and zero_point == 0):
        return image.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.round(image / np.float32(scale)) + zero_point, limits.min, limits.max).astype(dtype)


def _dequantisation(details: dict[str, Any]) -> np.ndarray | None:
    """What each stored byte means, float32 [256], or None where the output is float."""
    dtype, (scale, zero_point) = np.dtype(details["dtype"]), details["quantization"]
    if dtype.itemsize != 1:
        return None
    values = np.arange(256, dtype=np.uint8).view(dtype).astype(np.float32)
    return np.clip((values - zero_point) * np.float32(scale), 0, 1)
