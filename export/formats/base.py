"""What a format of exported files is. Imports no TensorFlow, and nothing else that takes time: `--help` asks here."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from ..signatures import IMAGE, IMAGE_DESCRIPTION
from .variant import Variant

if TYPE_CHECKING:
    import keras
    import numpy as np

    from ..card import ModelCard
    from ..runners.base import Runner
    from ..tasks.base import ExportTask


class Format(ABC):
    """One kind of file that a model can become.

    Attributes:
        name: as typed after `--formats`.
        kind: of its files in the card, and of their runners.
        form: what one of them is called where a model is asked for.
        variants: what can be written, by name.
        quantized: whether `--quantize` chooses among the variants; otherwise all are written.
        heading: what the README says above the program that runs a file without this package.
        packages: distributions whose versions belong into the card.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    form: ClassVar[str]
    variants: ClassVar[Mapping[str, Variant]]
    quantized: ClassVar[bool] = False
    heading: ClassVar[str]
    packages: ClassVar[tuple[str, ...]] = ()

    def chosen(self, quantize: Iterable[str]) -> list[Variant]:
        """Give the variants to write, of those that `--quantize` names."""
        return [self.variants[name] for name in (quantize if self.quantized else self.variants)]

    @abstractmethod
    def write(
        self, model: keras.Model, folder: Path, variants: list[Variant], task: ExportTask, pictures: np.ndarray | None
    ) -> None:
        """Write files of a model, as `load_keras` gives it, into an existing folder.

        Args:
            pictures: training pictures, uint8 [n, S, S, 3], for variants that are calibrated.

        Raises:
            MetricfitError: it cannot be done.
        """

    @abstractmethod
    def recognises(self, path: Path) -> bool:
        """Tell whether an existing file or folder is of this format."""

    @abstractmethod
    def open(self, path: Path, *, card: ModelCard | None = None, threads: int | None = None) -> Runner:
        """Make a runner of a file, with its card, and on so many threads where the format can be told.

        Raises:
            DataError: it cannot be read.
            UsageError: it is no model of a task known here.
        """

    @abstractmethod
    def tensors(self, path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[str, int]]:
        """Give shape, dtype, scale and zero point of a file's input and (by name) outputs, and count its operators."""

    def describe(self, path: Path, task: ExportTask) -> dict[str, Any]:
        """Give the card's facts about a file: bytes, sha256, input, outputs, operators (counted by name)."""
        image, outputs, operators = self.tensors(path)
        size, sha256 = digest(path)
        return {
            "bytes": size,
            "sha256": sha256,
            "input": _described(IMAGE, IMAGE_DESCRIPTION, image),
            "outputs": [_described(name, text, outputs[name]) for name, text in task.outputs.items()],
            "operators": operators,
        }


def digest(path: str | Path) -> tuple[int, str]:
    """Size in bytes and SHA-256 of a file, or of all files of a folder in the order of their names."""
    path = Path(path)
    files = sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]
    size, found = 0, hashlib.sha256()
    for file in files:
        content = file.read_bytes()
        size += len(content)
        found.update(content)
    return size, found.hexdigest()


def _described(name: str, description: str, tensor: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "description": description, **tensor}
