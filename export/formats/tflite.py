"""TFLite: files of built-in operators that take one raw picture at a time, in several number types."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...trainers.files import written_beside
from ..signatures import IMAGE, PROPOSALS, KerasModel
from .base import Contents, Format, Variants
from .variant import Variant

if TYPE_CHECKING:
    import numpy as np

    from .base import ExportTask, ModelCard, Pictures, Runner

VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("none", "model_float32.tflite", rank=1, largest_difference=1e-3),
        Variant("float16", "model_float16.tflite", rank=3, largest_difference=1e-2, calibrated=True),
        Variant("dynamic", "model_dynamic.tflite", rank=2),
        Variant("int8", "model_int8.tflite", rank=0, calibrated=True),
    )
}


class TFLite(Format):
    """A .tflite file with the task's signatures, from `image` uint8 [1, S, S, 3].

    What the task calls the tail of the model stays float32 in all of them; without one, int8's output is uint8 with a
    scale.
    """

    name = kind = "tflite"
    form = "a .tflite file"
    variants = VARIANTS
    quantized = True
    heading = "With the TFLite runtime alone (every .tflite file holds built-in operators only):"
    packages = ("ai-edge-litert",)

    def write(
        self, model: KerasModel, folder: Path, variants: Variants, task: ExportTask, pictures: Pictures
    ) -> dict[str, str]:
        """Convert the model in a process of its own."""
        from . import tflite_converter

        return tflite_converter.convert(model, folder, variants, pictures, task=task)

    def lighten(self, path: Path) -> bool:
        """Take out what is proposed: LiteRT would keep a second copy of the network's weights for it."""
        from .tflite_graphs import without_signature

        content = path.read_bytes()
        lighter = without_signature(content, PROPOSALS)
        if lighter is content:
            return False
        with written_beside(path) as beside:
            Path(beside).write_bytes(lighter)
        return True

    def calibrate(self, path: Path, written: np.ndarray, numbers: np.ndarray) -> None:
        """Constants of a .tflite file lie in it as they are."""
        from ..calibrating import write_calibrated

        write_calibrated(path, written, numbers)

    def recognises(self, path: Path) -> bool:
        """Go by the suffix."""
        return path.suffix == ".tflite" and path.is_file()

    def open(
        self, path: Path, *, card: ModelCard | None = None, threads: int | None = None, trust: bool = False
    ) -> Runner:
        """Load the file with LiteRT, without TensorFlow; operators that are not built in it refuses by itself."""
        from ..runners.tflite import TFLiteRunner

        return TFLiteRunner(path, card=card, threads=threads)

    def contents(self, runner: Runner) -> Contents:
        """Ask the interpreter for the tensors, and the file itself for its operators."""
        from ai_edge_litert.interpreter import Interpreter

        from .tflite_graphs import read_operators

        interpreter = Interpreter(str(runner.path), num_threads=1)
        signatures = [interpreter.get_signature_runner(name) for name in interpreter.get_signature_list()]
        outputs = {name: _tensor(found) for one in signatures for name, found in one.get_output_details().items()}
        return Contents(_tensor(signatures[0].get_input_details()[IMAGE]), outputs, read_operators(runner.path))


def _tensor(details: dict[str, Any]) -> dict[str, Any]:
    scale, zero_point = details["quantization"]
    return {
        "shape": [int(side) for side in details["shape"]],
        "dtype": details["dtype"].__name__,
        "scale": float(scale) if scale else None,
        "zero_point": int(zero_point) if scale else None,
    }
