"""What a format of exported files is. Imports no TensorFlow, and nothing else that takes time: `--help` asks here."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ...trainers.files import digest
from ..card import NAMES_AND_CONTENTS
from ..signatures import ENCODED, IMAGE, INPUTS, PICTURES, PROPOSAL_OUTPUTS, PROPOSALS, SIZE_OUTPUTS, KerasModel
from .variant import Variant

if TYPE_CHECKING:
    import numpy as np

    from ...trainers.data.example import Source
    from ..card import ModelCard, Thresholds
    from ..runners.base import Runner
    from ..tasks.base import ExportTask, Facts

    Pictures = np.ndarray | None

Variants = list[Variant]
Tensors = dict[str, dict[str, Any]]
"""Shape, dtype, scale and zero point of tensors by name."""


@dataclass(frozen=True)
class Contents:
    """What is in a file."""

    image: dict[str, Any]  # shape, dtype, scale and zero point of its input
    outputs: Tensors
    operators: dict[str, int]  # counted by name
    further: dict[str, tuple[Tensors, Tensors]] = field(default_factory=dict)  # inputs and outputs by signature


class Format(ABC):
    """One kind of file that a model can become."""

    name: ClassVar[str]  # as typed after `--formats`
    kind: ClassVar[str]  # of its files in the card, and of their runners
    form: ClassVar[str]  # what one of them is called where a model is asked for
    variants: ClassVar[Mapping[str, Variant]]  # what can be written, by name
    quantized: ClassVar[bool] = False  # whether `--quantize` chooses among the variants; otherwise all are written
    heading: ClassVar[str]  # what the README says above the program that runs a file without this package
    packages: ClassVar[tuple[str, ...]] = ()  # distributions whose versions belong into the card

    def chosen(self, quantize: Iterable[str]) -> list[Variant]:
        """Give the variants to write, of those that `--quantize` names."""
        return [self.variants[name] for name in (quantize if self.quantized else self.variants)]

    @abstractmethod
    def write(
        self, model: KerasModel, folder: Path, variants: Variants, task: ExportTask, pictures: Pictures
    ) -> dict[str, str]:
        """Write files into a folder; calibration needs pictures uint8 [n, S, S, 3].

        Gives the files that could not be made, by name, with why in a sentence.
        """

    def lighten(self, path: Path) -> bool:
        """Take out of a file what it has for the comparison alone; tells whether it is another file now."""
        return False

    def complete(self, runner: Runner, task: ExportTask, source: Source, facts: Facts, thresholds: Thresholds) -> str:
        """Check what the comparison has not, and put in what is known now; gives why the file does not pass."""
        return ""

    def calibrate(self, path: Path, written: np.ndarray, numbers: np.ndarray) -> None:
        """Replace the numbers `written` into a file, which change no score, by those of its calibration."""
        raise NotImplementedError(f"scores in files of {self.name} are not calibrated")

    def cut(self, path: Path, thresholds: Sequence[float]) -> bool:
        """Put other thresholds, one a class, into a file that cuts scores itself; tells whether it does."""
        return False

    @abstractmethod
    def recognises(self, path: Path) -> bool:
        """Tell whether an existing file or folder is of this format."""

    @abstractmethod
    def open(
        self, path: Path, *, card: ModelCard | None = None, threads: int | None = None, trust: bool = False
    ) -> Runner:
        """Make a runner of a file; DataError where it cannot be read, UsageError of no known task or untrusted code."""

    @abstractmethod
    def contents(self, runner: Runner) -> Contents:
        """Look into a file that is open."""

    def describe(self, runner: Runner, task: ExportTask) -> dict[str, Any]:
        """Give the card's facts about a file: bytes, sha256, input, outputs, operators and further signatures."""
        contents = self.contents(runner)
        size, sha256 = digest(runner.path)
        texts = {PICTURES: task.pictures, ENCODED: {**SIZE_OUTPUTS, **task.encoded}, PROPOSALS: PROPOSAL_OUTPUTS}

        def listed(tensors: Tensors, described: Mapping[str, str]) -> list[dict[str, Any]]:
            return [{"name": name, "description": text, **tensors[name]} for name, text in described.items()]

        return {
            "bytes": size,
            "sha256": sha256,
            "sha256_of": NAMES_AND_CONTENTS,
            "input": {"name": IMAGE, "description": "[B, S, S, 3], RGB, 0 to 255", **contents.image},
            "outputs": listed(contents.outputs, task.outputs),
            "operators": contents.operators,
            "signatures": {
                name: {"inputs": listed(inputs, INPUTS[name]), "outputs": listed(outputs, texts[name])}
                for name, (inputs, outputs) in contents.further.items()
            },
        }
