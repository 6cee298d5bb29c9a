"""One pass over data: the Keras model and every exported file see the same pictures, each with a judge of its own."""

import itertools
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from ...trainers.calibration.held_out import Fitted
from ...trainers.data.batches.original_size import original_size_examples
from ...trainers.data.example import Source
from ...trainers.errors import MetricfitError
from ...trainers.guarantees.kept import Guarantee
from ...trainers.guarantees.promise import Promise
from ...trainers.judge.base import Judge
from ...trainers.judge.boxes import BoxJudge
from ...trainers.judge.feeding import in_pictures, judge_all
from ...trainers.metrics.resampling import Draws
from ...trainers.tasks import get_task as get_trained_task
from ..candidates import Candidates
from ..card import Thresholds
from ..formats.variant import Variant
from ..runners.keras import KerasRunner
from ..tasks.base import Answer, ExportTask
from .agreement import Agreement, Resampled, Verdict, judged


@dataclass(frozen=True)
class Measured:
    """What one model did on a source: its figures at the pictures' own size and thresholds, as in a card."""

    metrics: dict[str, float]
    thresholds: Thresholds
    agreement: Agreement | None = None  # with the Keras model, where asked for; None for that itself
    judge: Judge[Any, Any] | None = None  # which knows them by picture, where asked for
    warning: str = ""  # what the report says of a model that is none
    fitted: Fitted | None = None  # how its scores are calibrated, where they are
    guarantee: Guarantee | None = None  # a threshold that keeps what was to be promised

    def to_dict(self) -> dict[str, Any]:
        """Give metrics and thresholds as they stand in a card."""
        return {"metrics": self.metrics, "thresholds": self.thresholds}


def compare(
    task: ExportTask,
    reference: KerasRunner,
    candidates: Candidates,
    source: Source,
    config: dict,
    *,
    quiet: bool,
    by_picture: bool = False,
    guarantee: Promise | None = None,
) -> tuple[Measured, dict[str, Measured]]:
    """Run the Keras model and the files, by name, over the same data.

    `by_picture` also holds the files against the Keras model: once, for they lose what that alone needs. Files that
    give no numbers, or contradict themselves, are refused; MetricfitError where the Keras model gives none.
    """
    files, refused = candidates.runners, candidates.refused
    trained = get_trained_task(task.name)
    source = trained.judged_source(source, reference.class_names)
    for name, index in itertools.product(files, range(min(8, len(source))) if task.second else ()):
        example = source.load(index)
        image = files[name].fit(example.image, size=example.size)[None]
        if said := task.contradiction(files[name](image), files[name].outputs(image, task.second)):
            where = f"the {task.second} of {name} {said} on {source.names[index]}"
            refused.setdefault(name, f"{where}. Please report this as a bug")
    kept = [name for name in files if name not in refused]
    options = {"by_picture": by_picture, "guarantee": guarantee, **task.judging(config)}
    judges = {name: trained.judge(source, reference.class_names, **options) for name in ["", *kept]}
    agreements: dict[str, Agreement] = {}
    if by_picture:
        agreements = {name: task.agreement(reference.model, candidates.files[name][1]) for name in kept}
        before = task.candidates(reference.model)
    fitting: dict[str, Any] = {"size": reference.size, "resizing": reference.resizing}
    batches = original_size_examples(
        source, batch_size=task.batch_size, quiet=quiet, description="comparing exported files", **fitting
    )
    for images, examples in batches:
        expected, before_choice = reference(images), before(images) if by_picture else None
        if not _are_numbers(expected):
            raise MetricfitError(
                f"{reference.path} gives values that are no numbers on {examples[0].name}: its training went wrong, "
                "train again with a lower --learning-rate"
            )
        judge_all(zip(examples, in_pictures(expected, examples, trained.target, **fitting)), judges[""])
        for name in [name for name in kept if name not in refused]:
            answer = files[name](images)
            if not _are_numbers(answer):
                refused[name] = f"{name} gives values that are no numbers on {examples[0].name}"
                continue
            judge_all(zip(examples, in_pictures(answer, examples, trained.target, **fitting)), judges[name])
            if agreement := agreements.get(name):
                inner = files[name].outputs(images, agreement.signature) if agreement.signature else None
                agreement.add(expected, answer, before_choice, inner)
    measured = {}
    for name, judge in judges.items():
        if name not in refused:
            report = judge.result()
            thresholds = cast(Thresholds, dict(report.thresholds))
            figures = task.figures(report.scalars)
            measured[name] = Measured(
                figures, thresholds, agreements.get(name), judge, report.warning, guarantee=report.guarantee
            )
    return measured.pop(""), measured


def calibrated(measured: Measured, task: ExportTask, by: tuple[str, str]) -> Measured:
    """Fit curves to what a model found on the validation data: its figures and thresholds become those of its scores.

    It must have been measured by picture.
    """
    assert isinstance(measured.judge, BoxJudge)
    report = measured.judge.fitted_report(by)
    thresholds = cast(Thresholds, dict(report.thresholds))
    return replace(measured, metrics=task.figures(report.scalars), thresholds=thresholds, fitted=report.fitted)


def _are_numbers(answer: Answer) -> bool:
    return all(np.isfinite(part).all() for part in (answer if isinstance(answer, tuple) else (answer,)))


def check(
    task: ExportTask, name: str, variant: Variant, reference: Measured, measured: Measured, *, seed: int = 0
) -> Verdict:
    """Hold an exported file to its tolerance.

    What the main metrics differ by is known as far as the pictures tell: both models are measured on the same draws.
    """
    agreement, ours, theirs = measured.agreement, measured.judge, reference.judge
    assert agreement is not None
    assert ours is not None
    assert theirs is not None
    metrics = {metric: measured.metrics[metric] - reference.metrics[metric] for metric in task.main}
    resampled = Resampled((), {})
    if variant.largest_difference is None:
        drawn = Draws(ours.examples, seed=seed)
        of_file, of_keras = ours.resampled(drawn), theirs.resampled(drawn)
        resampled = Resampled(drawn, {metric: of_file[metric] - of_keras[metric] for metric in of_file})
    differences = agreement.differences(variant) | {f"{metric}_difference": value for metric, value in metrics.items()}
    return replace(judged(name, variant, agreement.limits(variant, metrics, resampled)), differences=differences)
