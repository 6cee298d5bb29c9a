"""One pass over data: the Keras model and every exported file see the same pictures, each with a judge of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...trainers.data.batches.original_size import original_size_examples
from ...trainers.data.example import Source
from ...trainers.errors import MetricfitError
from ...trainers.judge.feeding import in_pictures, judge_all
from ...trainers.tasks import get_task as get_trained_task
from ..formats.variant import Variant
from ..runners.base import Runner
from ..runners.keras import KerasRunner
from ..tasks.base import Answer, ExportTask
from .agreement import Agreement, hold_to


@dataclass(frozen=True)
class Measured:
    """What one model did on a source.

    Attributes:
        metrics: its figures at the pictures' own size, by name.
        thresholds: `optimal`, `band` and `per_class`, as in a card.
        agreement: with the Keras model; None for that itself.
    """

    metrics: dict[str, float]
    thresholds: dict[str, Any]
    agreement: Agreement | None = None

    def to_dict(self) -> dict[str, Any]:
        """Give metrics and thresholds as they stand in a card."""
        return {"metrics": self.metrics, "thresholds": self.thresholds}


def compare(
    task: ExportTask,
    reference: KerasRunner,
    files: Mapping[str, Runner],
    source: Source,
    config: Mapping[str, Any],
    *,
    quiet: bool = False,
) -> tuple[Measured, dict[str, Measured]]:
    """Run the Keras model and the exported files of the same input size, by name, over the same data.

    Returns:
        What the Keras model did, and what each file did.

    Raises:
        MetricfitError: a file gives values that are no numbers, or contradicts itself.
    """
    trained = get_trained_task(task.name)
    source = trained.judged_source(source, reference.class_names)
    for runner in files.values():
        if said := task.contradiction(runner, source):
            raise MetricfitError(f"{said}; nothing was exported. Please report this as a bug")
    runners = [reference, *files.values()]
    judges = [trained.judge(source, reference.class_names, **task.judging(config)) for _ in runners]
    agreements = [task.agreement() for _ in files]
    candidates = task.candidates(reference.model)
    fitting: dict[str, Any] = {"size": reference.size, "resizing": reference.resizing}
    batches = original_size_examples(
        source, batch_size=task.batch_size, quiet=quiet, description="comparing exported files", **fitting
    )
    for images, examples in batches:
        answers = [_finite(runner, images, examples[0].name) for runner in runners]
        for judge, answer in zip(judges, answers):
            judge_all(zip(examples, in_pictures(answer, examples, trained.target, **fitting)), judge)
        before_choice = candidates(images)
        for agreement, answer in zip(agreements, answers[1:]):
            agreement.add(answers[0], answer, before_choice)
    reports = [judge.result() for judge in judges]
    of_reference, *measured = [
        Measured(task.figures(report.scalars), dict(report.thresholds), agreement)
        for report, agreement in zip(reports, [None, *agreements])
    ]
    return of_reference, dict(zip(files, measured))


def _finite(runner: Runner, images: np.ndarray, name: str) -> Answer:
    answer = runner(images)
    if not all(np.isfinite(part).all() for part in (answer if isinstance(answer, tuple) else (answer,))):
        raise MetricfitError(f"{runner.path} gives values that are no numbers on {name}")
    return answer


def check(task: ExportTask, name: str, variant: Variant, reference: Measured, measured: Measured) -> dict[str, float]:
    """Hold an exported file to its tolerance by what it and the Keras model did on the same data.

    Returns:
        The differences, for the card; those of metrics are the file's minus the Keras model's.

    Raises:
        MetricfitError: a difference is too large.
    """
    agreement = measured.agreement
    if agreement is None:
        raise ValueError(f"{name} was compared with nothing")
    metrics = {metric: measured.metrics[metric] - reference.metrics[metric] for metric in task.main}
    hold_to(name, variant, agreement.limits(variant, metrics))
    return agreement.differences(variant) | {f"{metric}_difference": value for metric, value in metrics.items()}
