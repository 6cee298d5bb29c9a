"""One pass over data: the Keras model and every exported file see the same pictures, each with a judge of its own."""

import itertools
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ...trainers.data.batches.original_size import original_size_examples
from ...trainers.data.example import Source
from ...trainers.errors import MetricfitError
from ...trainers.judge.feeding import in_pictures, judge_all
from ...trainers.tasks import get_task as get_trained_task
from ..card import Thresholds
from ..formats.variant import Variant
from ..runners.base import Runner
from ..runners.keras import KerasRunner
from ..tasks.base import ExportTask
from .agreement import Agreement, hold_to


@dataclass(frozen=True)
class Measured:
    """What one model did on a source: its figures at the pictures' own size and thresholds, as in a card."""

    metrics: dict[str, float]
    thresholds: Thresholds
    agreement: Agreement | None = None  # with the Keras model; None for that itself

    def to_dict(self) -> dict[str, Any]:
        """Give metrics and thresholds as they stand in a card."""
        return {"metrics": self.metrics, "thresholds": self.thresholds}


def compare(
    task: ExportTask, reference: KerasRunner, files: dict[str, Runner], source: Source, config: dict, *, quiet: bool
) -> tuple[Measured, dict[str, Measured]]:
    """Run the Keras model and the files, by name, over the same data; refuses a file that gives no numbers."""
    trained = get_trained_task(task.name)
    source = trained.judged_source(source, reference.class_names)
    for runner, index in itertools.product(files.values(), range(min(8, len(source))) if task.second else ()):
        image = runner.fit(source.load(index).image)[None]
        if said := task.contradiction(runner(image), runner.outputs(image, task.second)):
            where = f"the {task.second} of {runner.path} {said} on {source.names[index]}"
            raise MetricfitError(f"{where}; nothing was exported. Please report this as a bug")
    runners = [reference, *files.values()]
    judges = [trained.judge(source, reference.class_names, **task.judging(config)) for _ in runners]
    agreements = [task.agreement() for _ in files]
    candidates = task.candidates(reference.model)
    fitting: dict[str, Any] = {"size": reference.size, "resizing": reference.resizing}
    batches = original_size_examples(
        source, batch_size=task.batch_size, quiet=quiet, description="comparing exported files", **fitting
    )
    for images, examples in batches:
        answers = [runner(images) for runner in runners]
        for runner, judge, answer in zip(runners, judges, answers):
            if not all(np.isfinite(part).all() for part in (answer if isinstance(answer, tuple) else (answer,))):
                raise MetricfitError(f"{runner.path} gives values that are no numbers on {examples[0].name}")
            judge_all(zip(examples, in_pictures(answer, examples, trained.target, **fitting)), judge)
        before_choice = candidates(images)
        for agreement, answer in zip(agreements, answers[1:]):
            agreement.add(answers[0], answer, before_choice)
    reports = [judge.result() for judge in judges]
    of_reference, *measured = [
        Measured(task.figures(report.scalars), cast(Thresholds, dict(report.thresholds)), agreement)
        for report, agreement in zip(reports, [None, *agreements])
    ]
    return of_reference, dict(zip(files, measured))


def check(task: ExportTask, name: str, variant: Variant, reference: Measured, measured: Measured) -> dict[str, float]:
    """Hold an exported file to its tolerance; gives the differences from the Keras model's values, for the card."""
    agreement = measured.agreement
    assert agreement is not None
    metrics = {metric: measured.metrics[metric] - reference.metrics[metric] for metric in task.main}
    hold_to(name, variant, agreement.limits(variant, metrics))
    return agreement.differences(variant) | {f"{metric}_difference": value for metric, value in metrics.items()}
