"""An evaluation in parts: each worker judges some, and the judges are merged to what one of all would be."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...trainers.data.example import Example, Source, View
from ...trainers.data.labels import LabelCoding, with_coding
from ...trainers.data.pixel_files.coding import FileCoding
from ...trainers.data.scan.faults import Faults
from ...trainers.data.scan.scanner import load_checked
from ...trainers.data.sources import open_source
from ...trainers.data.subset import Subset
from ...trainers.errors import DataError
from ...trainers.judge.base import evenly_spread
from ...trainers.tasks import get_task
from ...trainers.tasks.base import Task
from ...trainers.text import counted
from ..evaluation.finder import finder
from ..evaluation.measurement import Measurement
from ..predictor import Predictor
from .model import WorkersModel, once
from .outcome import Costs, Outcome
from .parts import Places

log = logging.getLogger("metricfit")


@dataclass(frozen=True)
class EvaluationWork:
    """All that a worker has to be told to judge a part of a data set, the same for all parts."""

    model: WorkersModel
    places: Places
    task: str
    data: str
    coding: LabelCoding | None
    files: FileCoding
    settings: Mapping[str, Any]  # of the judge, and the views
    batch_size: int
    label: str
    skip_bad: bool = False
    strict: bool = False
    calibrated: bool = True


@dataclass(frozen=True)
class _Opened:
    task: Task[Any, Any]
    predictor: Predictor
    finder: Any
    source: Source


def opened_source(text: str, needs: str, coding: LabelCoding | None, files: FileCoding | None) -> Source:
    """Open a source as `checked_source` does, and look at none of its examples."""
    source = open_source(text, needs=needs, files=files)
    return with_coding(source, coding or LabelCoding()) if needs == "labels" else source


def work_of(measurement: Measurement) -> EvaluationWork:
    """Say what workers are to do with a source, as `opened_source` gives it; refuses what is at fault as a whole."""
    options, predictor, source = measurement.options, measurement.predictor, measurement.source
    task = measurement.task
    for line in source.recognised:
        log.info("%s", line)
    whole = Faults(source.name, len(source), list(source.structural_faults), dict(source.repaired))
    whole.doubts = source.doubts()
    whole.raise_if_any(skip_bad=options.skip_bad, strict=options.strict)
    # What a worker would refuse of classes and settings is refused here, before anything runs.
    classed = task.classed_source(source, predictor.class_names)
    judging = dict(measurement.settings)
    task.views(judging)
    task.judge(classed, predictor.class_names, batch_size=options.batch_size, **judging)
    model = WorkersModel.of(predictor, options.model)
    places = Places.of(source.names, max(1, options.batch_size))
    return EvaluationWork(
        model, places, task.name, options.data, measurement.coding, measurement.files, measurement.settings,
        options.batch_size, measurement.label, options.skip_bad, options.strict, options.calibration != "none",
    )  # fmt: skip


def judge_part(work: EvaluationWork, start: int, stop: int) -> Outcome:
    """Load, run and judge the examples of a part; DataError for one that is at fault, unless such are skipped.

    Batches are those of an evaluation in one process, and so are their figures, to the bit, as long as none is skipped.
    """
    opened = once(work, lambda: _open(work))
    task, outcome, settings = opened.task, Outcome(), dict(work.settings)
    views = task.views(settings)
    judge = task.judge(
        opened.source, opened.predictor.class_names, start=start, batch_size=work.batch_size,
        shown=evenly_spread(work.places.count), label=work.label, **settings,
    )  # fmt: skip
    part = _Checked(Subset(opened.source, np.arange(start, stop)), task.needs)
    model = _Timed(opened.finder)

    def passed_over(place: int, error: DataError) -> None:
        outcome.faults.append((start + place, str(error)))

    pairs = task.found_in(model, part, batch_size=work.batch_size, views=views, quiet=True, passed_over=passed_over)
    begun, judging = time.thread_time(), 0.0
    for example, found in pairs:
        outcome.note(start + part.places[example.name], example)
        before = time.thread_time()
        judge.update(example, found)
        judging += time.thread_time() - before
    judge.end_at(stop)
    outcome.judge = judge
    spent = time.thread_time() - begun
    outcome.costs = Costs(sum(part.seconds), model.seconds, judging, spent - model.seconds - judging)
    if (outcome.faults and not work.skip_bad) or work.strict:
        outcome.found(opened.source).raise_if_any(skip_bad=work.skip_bad, strict=work.strict)
    return outcome


def merged(outcomes: Any) -> Outcome:
    """Merge outcomes into the first one."""
    whole = Outcome()
    for outcome in outcomes:
        whole.merge(outcome)
    return whole


def told(work: EvaluationWork, source: Source, outcome: Outcome) -> int:
    """Say what loading the examples showed, as a scan would; gives how many were judged."""
    faults, kept = outcome.found(source), work.places.count - len(outcome.faults)
    faults.raise_if_any(skip_bad=work.skip_bad, strict=work.strict)
    if not kept:
        raise DataError(f"none of the {counted(work.places.count, 'example')} can be used\n{faults.report(5)}")
    if faults.faults:
        left_out = f"{work.places.count - kept} of {counted(work.places.count, 'example')} left out"
        log.warning("--skip-bad: %s\n%s", left_out, faults.report(limit=None, names=None))
    elif faults.repaired or faults.adapted or faults.notes:
        log.info("%s", faults.report())
    log.info("a picture took, of one processor: %s", outcome.costs.each(kept))
    return kept


def _open(work: EvaluationWork) -> _Opened:
    task, predictor = get_task(work.task), work.model.load()
    source = opened_source(work.data, task.needs, work.coding, work.files)
    work.places.check(source.names, work.data)
    source = task.classed_source(source, predictor.class_names)
    scales = work.settings.get("scales", (1.0,))
    return _Opened(task, predictor, finder(predictor.runner, task, scales, calibrated=work.calibrated), source)


class _Checked(View):
    """A source whose examples are checked when they are loaded, as a scan does, by what time they take."""

    def __init__(self, source: Source, needs: str):
        super().__init__(source)
        self._needs = needs
        self.seconds: list[float] = []
        self.places = {name: place for place, name in enumerate(source.names)}

    def load(self, index: int) -> Example:
        """See `Source`; DataError where it cannot be used."""
        before = time.thread_time()
        try:
            example = load_checked(self.source, index, self._needs)
        finally:
            self.seconds.append(time.thread_time() - before)
        return replace(example, name=self.names[index])


class _Timed:
    """A predictor, and the seconds of this thread that it took."""

    def __init__(self, predictor: Any):
        self._predictor: Callable[[np.ndarray], Any] = predictor
        self.size, self.resizing, self.class_names = predictor.size, predictor.resizing, predictor.class_names
        self.suppression = predictor.suppression
        self.seconds = 0.0

    def __call__(self, images: np.ndarray) -> Any:
        """See `Predictor`."""
        before = time.thread_time()
        found = self._predictor(images)
        self.seconds += time.thread_time() - before
        return found
