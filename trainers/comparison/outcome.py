"""What one model has on all sets, and a line of the table: the same loss over its seeds."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ..tasks.base import Task
from .plan import Entry, Record
from .spread import Spread, spreads
from .transfer import Transfer, middle_of_band, threshold_transfer

SELECTION = "selection split"


@dataclass(frozen=True)
class Outcome:
    """One model on every set, with what `Trainings` keeps of its training."""

    seed: int
    record: Record
    sets: dict[str, Record]  # what `Task.measure` gives, the selection split first
    scalars: dict[str, dict[str, float]]  # further figures by test set, such as the score at others' thresholds
    overall: dict[str, float]  # figures over all sets
    transfer: Transfer | None  # the best thresholds carried over, if the task has thresholds
    middle_transfer: Transfer | None  # the same of the middles of bands
    step_seconds: float | None = None  # median of a training step, where it is known

    def figures(self, name: str) -> dict[str, float]:
        """Give all figures on one set."""
        return {**self.sets[name]["scalars"], **self.scalars.get(name, {})}

    def to_dict(self) -> Record:
        """Give everything but the pictures."""
        kept = ("classes", "curves")
        return {
            "seed": self.seed,
            "run": f"runs/{self.record['name']}",
            "selection": self.record.get("selection", {}),
            "watched": self.record.get("watched", {}),
            "step_seconds": self.step_seconds,
            "over_all_sets": self.overall,
            "transfer": self.transfer.to_dict() if self.transfer else None,
            "middle_transfer": self.middle_transfer.to_dict() if self.middle_transfer else None,
            "sets": {
                name: {"figures": self.figures(name), **{key: found[key] for key in kept if key in found}}
                for name, found in self.sets.items()
            },
        }


@dataclass(frozen=True)
class Row:
    """A line of the table: a loss with one outcome for each seed."""

    label: str
    entry: Entry
    learning_rate: float
    outcomes: list[Outcome]
    scales: list[float] = field(default_factory=list)  # the factor on the logits for each seed, if it is the control

    def on(self, name: str) -> dict[str, Spread]:
        """Give mean and spread over the seeds of the figures on one set."""
        return spreads(outcome.figures(name) for outcome in self.outcomes)

    @property
    def overall(self) -> dict[str, Spread]:
        """The same of the figures over all sets."""
        return spreads(outcome.overall for outcome in self.outcomes)

    def to_dict(self, tests: Sequence[str]) -> Record:
        """Give the figures on some test sets, and all models."""
        spread = {**{name: self.on(name) for name in tests}, "all test sets": self.overall}
        return {
            "label": self.label,
            "loss": self.entry.loss,
            "options": list(self.entry.options),
            "settings": dict(self.entry.settings),
            "learning_rate": self.learning_rate,
            "logit_scales": self.scales,
            "mean_and_spread": {
                name: {key: asdict(one) for key, one in figures.items()} for name, figures in spread.items()
            },
            "models": [outcome.to_dict() for outcome in self.outcomes],
        }


def outcome(task: Task[Any, Any], record: Record, sets: dict[str, Record], seconds: float | None) -> Outcome:
    """Put together what one model has on all sets, the selection split first: thresholds of one used on the others."""
    tests = [name for name in sets if name != SELECTION]
    scalars: dict[str, dict[str, float]] = {}
    overall: dict[str, float] = {}
    transfer = middle_transfer = None
    if task.best_threshold:
        curves = {name: task.score_curve(kept) for name, kept in sets.items()}
        transfer, middle_transfer = threshold_transfer(curves), threshold_transfer(curves, middle_of_band)
        derived = {name: task.derived(sets[name], sets[SELECTION]) for name in tests}
        for name in tests:
            lost, middle_lost = transfer.lost_on(name), middle_transfer.lost_on(name)
            scalars[name] = {
                "transferred": float(transfer.scores[0, transfer.names.index(name)]),
                "transfer_loss": float(lost.mean()),
                "worst_transfer_loss": float(lost.max()),
                "middle_transfer_loss": float(middle_lost.mean()),
                "worst_middle_transfer_loss": float(middle_lost.max()),
                **derived[name],
            }
        # What every test set has of the task's own, such as F at one half, is averaged, too.
        for key in ("transfer_loss", "middle_transfer_loss", *derived[tests[0]]):
            overall[key] = float(np.mean([scalars[name][key] for name in tests]))
        for key in ("worst_transfer_loss", "worst_middle_transfer_loss"):
            overall[key] = max(scalars[name][key] for name in tests)
        best = [kept["scalars"].get(task.best_threshold) for kept in sets.values()]
        # Where nothing is found, a detector has none.
        if None not in best:
            overall |= {"threshold_mean": float(np.mean(best)), "threshold_variance": float(np.var(best))}
    return Outcome(record["seed"], record, sets, scalars, overall, transfer, middle_transfer, seconds)
