"""What the verbs do with a runner: build the work, run the pipeline, and bring home what came of it."""

import logging
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...trainers.errors import MetricfitError, UsageError
from ...trainers.judge.base import Report
from ..evaluation.measurement import Measurement
from ..options import EvaluateOptions
from .evaluation import EvaluationWork, told, work_of
from .outcome import Outcome
from .progress import folder_of_workers
from .runners import run, temporary_location

log = logging.getLogger("metricfit")


def evaluate_on_runner(measurement: Measurement) -> tuple[Report, int]:
    """Evaluate by a pipeline; gives the report, and of how many examples it is."""
    options, work = measurement.options, work_of(measurement)
    outcome = on_runner(options, work)
    kept = told(work, measurement.source, outcome)
    if outcome.judge is None:
        raise MetricfitError(f"the runner {options.runner} gave nothing back: look into its own log")
    return outcome.judge.result(), kept


def on_runner(options: EvaluateOptions, work: EvaluationWork) -> Outcome:
    """Run the pipeline; gives what all parts give together."""
    from . import transforms

    runner, given = options.runner or "", options.runner_options
    with exchange(runner, given, options.out) as (place, notes):
        outcome_file = f"{place}/outcome"
        log.info("%s", work.places.told(runner))
        run(
            runner, given, lambda pipeline: transforms.evaluation(pipeline, work, outcome_file, notes),
            title="evaluating", pictures=work.places.count, notes=notes, quiet=options.quiet,
        )  # fmt: skip
        return transforms.read_outcome(outcome_file)


@contextmanager
def exchange(runner: str, given: tuple[str, ...], out: str | None) -> Iterator[tuple[str, Path | None]]:
    """Give a folder, while something runs, through which workers hand back what they found, and one for their notes.

    That is Beam's own --temp_location, or a folder beside `out`, or on this machine alone one of its temporary ones.
    """
    if location := temporary_location(runner, given):
        from apache_beam.io.filesystems import FileSystems

        place = FileSystems.join(location, f"metricfit-{uuid.uuid4().hex[:12]}")
        FileSystems.mkdirs(place)
        try:
            yield place, None
        finally:
            FileSystems.delete([place])
        return
    if runner != "direct" and out is None:
        raise UsageError(
            f"the workers of {runner} hand back what they found through files: give --out, on a disk that all of them "
            "share with this machine, or temp_location=PLACE among the --runner-options"
        )
    parent = Path(tempfile.gettempdir()) if out is None else Path(out).absolute().parent
    with folder_of_workers(parent) as folder, folder_of_workers(folder) as notes:
        yield str(folder), notes
