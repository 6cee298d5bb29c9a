"""The files of an export on their way: written, opened, compared. What does not pass leaves them, with a sentence."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..trainers.errors import MetricfitError
from .calibrating import departure
from .formats.base import Format
from .formats.registry import FORMATS
from .formats.variant import Variant
from .runners.base import Runner
from .signatures import KerasModel
from .tasks.base import ExportTask, Facts

if TYPE_CHECKING:
    from ..trainers.calibration.held_out import Fitted
    from ..trainers.data.example import Source
    from ..trainers.guarantees.kept import Guarantee
    from .card import Thresholds
    from .formats.base import Pictures


_LOOKED_AT = 4
"""Pictures on which a file's calibrated scores are looked at."""


class Candidates:
    """The files that the formats make in a folder.

    Attributes:
        files: format and variant of each file that was asked for, by name.
        runners: those that have passed so far, opened.
        refused: those that have not, with why in a sentence.
        by: method and target by which their scores will be calibrated; None where they stay as the network gives them.
    """

    def __init__(
        self,
        folder: Path,
        formats: Iterable[str],
        quantize: Iterable[str],
        *,
        strict: bool,
        by: tuple[str, str] | None = None,
    ):
        self.folder, self._strict, self.by = folder, strict, by
        self.written: np.ndarray | None = None  # numbers in the files that curves take the place of
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
        if self.by:
            self.written = task.leave_room(model)
        for known, variants in self._chosen:
            self.refused |= known.write(model, self.folder, variants, task, pictures)
        self.drop()
        passed = {name: known for name, (known, _) in self.files.items() if name not in self.refused}
        # They were made here, of a model that was loaded.
        self.runners = {name: known.open(self.folder / name, trust=True) for name, known in passed.items()}

    def complete(
        self,
        task: ExportTask,
        source: Source,
        facts: Facts,
        thresholds: Mapping[str, Thresholds],
        fitted: Mapping[str, Fitted | None],
    ) -> None:
        """Put what is known now into each file, its best thresholds and its calibration; see `Format.complete`."""
        for name in list(self.runners):
            known, _ = self.files[name]
            self._lighten(name, source)
            runner = self.runners[name]
            if said := known.complete(runner, task, source, facts, thresholds[name]):
                self.refused[name] = said
            elif (curves := fitted[name]) and name not in self.refused:
                self._calibrate(name, task, source, curves)
        self.drop()

    def cut(self, promised: Mapping[str, Guarantee | None], classes: int) -> None:
        """Have files that cut scores themselves do so where something is promised."""
        for name, runner in self.runners.items():
            if (kept := promised.get(name)) and kept.threshold is not None:
                self.files[name][0].cut(runner.path, [kept.threshold] * max(1, classes))

    def _lighten(self, name: str, source: Source) -> None:
        """Take out what the comparison alone needed, and see that the rest gives what it gave."""
        known, _ = self.files[name]
        runner = self.runners[name]
        if known.lighten(runner.path):
            pictures = _some(runner, source)
            self.runners[name] = known.open(runner.path, trust=True)
            if not all(map(np.array_equal, runner(pictures), self.runners[name](pictures))):
                self.refused[name] = f"{name} finds other things without its proposals. Please report this as a bug"

    def _calibrate(self, name: str, task: ExportTask, source: Source, fitted: Fitted) -> None:
        """Put the curves into a file, open it anew, and compare some of its scores with what NumPy gives."""
        known, _ = self.files[name]
        runner = self.runners[name]
        pictures = _some(runner, source)
        before = runner(pictures)
        assert self.written is not None
        known.calibrate(runner.path, self.written, task.calibration_numbers(fitted))
        self.runners[name] = known.open(runner.path, trust=True)
        if said := departure(before, self.runners[name](pictures), fitted.calibration):
            self.refused[name] = f"{name} {said}. Please report this as a bug"

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


def _some(runner: Runner, source: Source) -> np.ndarray:
    """Give the first pictures as a runner takes them."""
    examples = [source.load(index) for index in range(min(_LOOKED_AT, len(source)))]
    return np.stack([runner.fit(one.image, size=one.size) for one in examples])
