"""What XLA makes of the losses: each one's program in a file, and what in it an accelerator would wait for."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow as tf

from ...trainers.errors import UsageError
from ...trainers.files import write_text
from ...trainers.progress import progress
from ..options import BenchOptions

_FAULTS = {
    "host callbacks": re.compile(
        r"custom.call.*(?:callback|py_func|host)|\b(?:infeed|outfeed|send|recv)\b", re.IGNORECASE
    ),
    "sizes known only when it runs": re.compile(r"\[[\d,]*<=|tensor<[\dx]*\?x|stablehlo\.bounds"),
}
# Numbers of 64 bits that TensorFlow writes down as such and narrows at once are none that a device computes with.
_DOUBLE = {
    "float64": re.compile(
        r"= f64\[[^\]]*\]\S* (?!constant\()|^(?!.*stablehlo\.(?:constant|convert)).*tensor<(?:\d+x)*f64>", re.MULTILINE
    )
}


class Program(NamedTuple):
    """A function that XLA compiles, and arguments of the shapes it is compiled for."""

    function: Any
    arguments: tuple[list[tf.Tensor], ...]

    def text(self, stage: str = "stablehlo") -> str:
        """Give what XLA is handed, as StableHLO or `hlo`."""
        written = self.function.experimental_get_compiler_ir(*self.arguments)
        try:
            return str(written(stage=stage))
        except ValueError as error:
            if "Invalid stage" not in str(error):
                raise
            raise UsageError(
                f"TensorFlow {tf.__version__} does not write StableHLO: --dump-hlo needs a later one"
            ) from None


def faults(text: str, *, float64: bool = True) -> list[str]:
    """Name what a program, HLO or StableHLO, has that an accelerator waits for, or that a TPU without float64 lacks."""
    searched = _FAULTS if float64 else {**_FAULTS, **_DOUBLE}
    return [name for name, pattern in searched.items() if pattern.search(text)]


def dump_losses(programs: Callable[[], dict[str, Program]], options: BenchOptions) -> list[dict[str, Any]]:
    """Write value and gradients of the losses as StableHLO, NAME.mlir each; gives a row of each."""
    rows = []
    for name, program in progress(programs().items(), quiet=options.quiet, desc="losses"):
        text = program.text()
        path = write_text(Path(options.dump_hlo or "") / f"{name}.mlir", text)
        operations = len(re.findall(r"^ *%\S+ = ", text, re.MULTILINE))
        rows.append(
            {"loss": name, "operations": operations, "faults": ", ".join(faults(text)) or "none", "file": str(path)}
        )
    return rows
