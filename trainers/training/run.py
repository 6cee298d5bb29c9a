"""What every training does that knows nothing of its task: checks, Keras' fit with its callbacks, resuming."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras

from ..errors import DivergedError, UsageError
from ..figures.history import history_figure
from ..figures.rendering import save
from ..files import write_json
from ..geometry import check_size
from ..judge.base import Report
from ..models.backbones.builders import BACKBONES
from .callbacks import AveragedWeights, BestModel, HistoryCSV, HParams, Progress, TimeLimit, TrainingCheckpoint
from .callbacks.history import read_history
from .callbacks.hparams import write_final_metrics
from .config import RunConfig, check_range, to_dict

log = logging.getLogger("metricfit")


@dataclass(frozen=True)
class RunResult:
    """What a training left behind in its folder, paths worth naming in `made`.

    The report is of the best epoch's model on the selection data, at the labels' own size; None before a whole epoch.
    """

    folder: Path
    report: Report | None
    interrupted: bool
    made: list[Path] = field(default_factory=list)

    @property
    def scalars(self) -> dict[str, float]:
        """The main figures of the report; none before a whole epoch."""
        return self.report.scalars if self.report else {}

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON-able data."""
        made, report = list(map(str, self.made)), self.report.to_dict() if self.report else None
        return {"folder": str(self.folder), "interrupted": self.interrupted, "made": made, "report": report}

    def draw(self, folder: str | Path) -> list[Path]:
        """Write the figures of the report, as in the run's own `figures`; gives the files."""
        return self.report.draw(folder) if self.report else []


def check(config: RunConfig) -> None:
    """Refuse settings outside their range, in one sentence each."""
    check_range(config, ("epochs", "batch_size"), lambda value: value >= 1, "at least 1")
    check_range(config, ("learning_rate", "minutes", "clip_norm"), lambda value: value > 0, "above 0")
    check_range(config, ("seed", "weight_decay"), lambda value: value >= 0, "0 or more")
    check_range(config, ("ema", "warmup_share"), lambda value: 0 <= value < 1, "in [0, 1)")
    if config.backbone not in BACKBONES:
        raise UsageError(f"unknown backbone {config.backbone}: choose one of {', '.join(BACKBONES)}")
    check_size(config.size)
    if config.init and config.weights != "none":
        raise UsageError("--init starts from a whole trained model, --weights from a backbone: give one of them")


def first_epoch(config: RunConfig, folder: Path, model: keras.Model, checkpoint: TrainingCheckpoint) -> int | None:
    """Restore a compiled model to where its training stopped; gives the epochs that are done, or None for enough."""
    done = checkpoint.restore(model)
    if done >= config.epochs:
        log.info("%s is already trained for %d epochs", folder, config.epochs)
        return None
    if done:
        seconds = [row["seconds"] for row in read_history(folder / "history.csv")]
        if seconds and config.minutes and sum(seconds) + min(seconds) > 60 * config.minutes:
            log.info("%s has had its %g minutes", folder, config.minutes)
            return None
        log.info("continuing after epoch %d of %d", done, config.epochs)
    return done


def fit(
    config: RunConfig,
    folder: Path,
    model: keras.Model,
    watchers: Sequence[keras.callbacks.Callback],
    checkpoint: TrainingCheckpoint,
    *,
    first: int,
    shown: Sequence[str],
    **data: Any,
) -> bool:
    """Run Keras' fit from epoch `first` on, the first of `shown` picks the best; gives whether it was interrupted."""
    averaged, logs = AveragedWeights(), folder / "tensorboard"
    spent = sum(row["seconds"] for row in read_history(folder / "history.csv")) if first else 0.0
    limit = TimeLimit(config.minutes, spent_seconds=spent)
    callbacks = [
        averaged,
        keras.callbacks.TerminateOnNaN(),
        *watchers,
        BestModel(folder / "model.keras", monitor=f"val_{shown[0]}", record=folder / "checkpoints/best.json"),
        keras.callbacks.TensorBoard(logs, write_graph=False, update_freq="epoch"),
        HParams(to_dict(config), logs, trial_id=folder.name, metrics=shown),
        HistoryCSV(folder / "history.csv"),
        checkpoint,
        limit,
    ]
    if not config.quiet:
        callbacks.append(Progress(("loss", shown[0], "val_loss", *(f"val_{name}" for name in shown))))
    try:
        history = model.fit(
            **data, epochs=config.epochs, initial_epoch=first, callbacks=callbacks, shuffle=False, verbose=0
        )
    except KeyboardInterrupt:
        averaged.on_test_end()
        log.warning("interrupted after the last whole epoch; the same command continues this run")
        return True
    losses = history.history.get("loss", [])
    if limit.reached:
        log.info("stopped after epoch %d of %d: --minutes %g", first + len(losses), config.epochs, config.minutes)
    if not all(map(math.isfinite, losses)):
        raise DivergedError(f"the loss became {losses[-1]} in {folder}: try a lower --learning-rate")
    return False


def keep(folder: Path, report: Report, about: Mapping[str, str]) -> list[Path]:
    """Write the final evaluation of a run into its folder, with its figures; gives what is worth naming."""
    write_json(folder / "metrics.json", {**about, **report.to_dict()})
    write_final_metrics(folder / "tensorboard", report.scalars)
    made = [folder / "model.keras", folder / "metrics.json", *report.draw(folder / "figures")]
    if rows := read_history(folder / "history.csv"):
        made.append(save(history_figure(rows), folder / "figures/history.png"))
    return [*made, folder / "tensorboard"]
