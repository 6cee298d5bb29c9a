"""The files of an export on their way: written, opened, compared. What does not pass leaves them, with a sentence."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..trainers.errors import MetricfitError
from .formats.base import Format
from .formats.registry import FORMATS
from .formats.variant import Variant
from .runners.base import Runner
from .signatures import KerasModel
from .tasks.base import ExportTask, Facts

if TYPE_CHECKING:
    from ..trainers.data.example import Source
    from .card import Thresholds
    from .formats.base import Pictures


class Candidates:
    """The files that the formats make in a folder.

    Attributes:
        files: format and variant of each file that was asked for, by name.
        runners: those that have passed so far, opened.
        refused: those that have not, with why in a sentence.
    """

    def __init__(self, folder: Path, formats: Iterable[str], quantize: Iterable[str], *, strict: bool):
        self.folder, self._strict = folder, strict
        self._chosen = [(FORMATS[name], FORMATS[name].chosen(quantize)) for name in formats]
        self.files: dict[str, tuple[Format, Variant]] = {
            variant.file: (known, variant) for known, variants in self._chosen for variant in variants
        }
        self.runners: dict[str, Runner] = {}
        self.refused: dict[str, str] = {}

    @property
    def calibrated(self) -> bool:
        """Whether pictures are needed to write them."""
        return any(variant.calibrated for _, variant in self.files.values())

    def write(self, model: KerasModel, task: ExportTask, pictures: Pictures) -> None:
        """Write and open them; see `Format.write`."""
        for known, variants in self._chosen:
            self.refused |= known.write(model, self.folder, variants, task, pictures)
        self.drop()
        passed = {name: known for name, (known, _) in self.files.items() if name not in self.refused}
        # They were made here, of a model that was loaded.
        self.runners = {name: known.open(self.folder / name, trust=True) for name, known in passed.items()}

    def complete(self, task: ExportTask, source: Source, facts: Facts, thresholds: Mapping[str, Thresholds]) -> None:
        """Put what is known now into each file, such as its best `thresholds`; see `Format.complete`."""
        for name, runner in self.runners.items():
            known, _ = self.files[name]
            if said := known.complete(runner, task, source, facts, thresholds[name]):
                self.refused[name] = said
        self.drop()

    def drop(self) -> None:
        """Remove what was refused; MetricfitError where that is every file, or one and the export is a strict one."""
        if self.refused and (self._strict or self.files.keys() <= self.refused.keys()):
            raise MetricfitError(f"{'; '.join(self.refused.values())}; nothing was exported")
        for name in self.refused:
            self.runners.pop(name, None)
            path = self.folder / name
            if path.is_dir():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
