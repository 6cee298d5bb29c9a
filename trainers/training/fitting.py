"""Keras' fit with its callbacks: entered at any step, left when somebody asks it to end."""

import logging
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from ..text import counted
from .callbacks import AveragedWeights, BestModel, Divergence, Patience, Position, TimeLimit, TrainingCheckpoint
from .callbacks.alike import StopsAlike
from .config import RunConfig
from .config_files import to_dict
from .devices.agreement import Agreement
from .devices.keras_replicas import fitting
from .devices.measurement import Measurement
from .reporting import HistoryCSV, HParams, Progress, Series
from .reporting.history import read_history
from .run_folder import check_there
from .states import BEGINNING, Reached

log = logging.getLogger("metricfit")


@dataclass(frozen=True)
class Batches:
    """What a training sees.

    Attributes:
        training: gives the endless stream of training batches from a step on, counted from 0 over all epochs, dealt out
            among the devices.
        whole: the same in one piece.
        selection: the batches that this process measures an epoch on.
        steps: of an epoch.
        names: gives the names of a training batch's examples, by its step.
    """

    training: Callable[[int], Any]
    whole: Callable[[int], tf.data.Dataset]
    selection: tf.data.Dataset
    steps: int
    names: Callable[[int], Sequence[str]]


def is_done(config: RunConfig, folder: Path, reached: Reached, shown: Sequence[str], lost_seconds: float = 0.0) -> bool:
    """Tell, and say, whether a training that got so far has had its epochs, its minutes or its patience.

    The `lost_seconds` were spent on what it went back behind.
    """
    if reached.epochs >= config.epochs:
        log.info("%s is already trained for %s", folder, counted(config.epochs, "epoch"))
        return True
    if reached.steps or not reached.epochs:
        return False  # an epoch that was begun is trained to its end
    seconds = [row["seconds"] for row in read_history(folder / "history.csv")]
    if seconds and config.minutes and lost_seconds + sum(seconds) + min(seconds) > 60 * config.minutes:
        log.info("%s has had its %g minutes", folder, config.minutes)
        return True
    best = best_epoch(folder, shown)
    if Patience(best, config.patience).is_over(reached.epochs):
        log.info("%s is trained: %s", folder, _had_patience(best, config))
        return True
    return False


def fit(
    config: RunConfig,
    folder: Path,
    model: keras.Model,
    watchers: Sequence[keras.callbacks.Callback],
    batches: Batches,
    measure: Measurement | None,
    *,
    reached: Reached,
    shown: Sequence[str],
    agreement: Agreement,
    watch: Callable[[Position], Divergence],
    lost_seconds: float = 0.0,
) -> None:
    """Train on from where a model was restored to, the first of `shown` picks the best epoch.

    It ends early where the agreement's request says so; a KeyboardInterrupt is noted there, too. Of several processes
    the chief alone watches what is written. The `lost_seconds` count for `--minutes`, though no row of the history
    tells of them.
    """
    if reached != BEGINNING:
        log.info("continuing after %s, of %d epochs of %d steps", reached, config.epochs, batches.steps)
    logs, exchange = folder / "tensorboard", agreement.exchange
    best, position = best_epoch(folder, shown), Position(reached, exchange)
    patience, request = Patience(best, config.patience), agreement.request
    checkpoint = TrainingCheckpoint(
        folder / "checkpoints", position, every=config.checkpoint_steps, agreement=agreement
    )
    rows = read_history(folder / "history.csv")[: reached.epochs] if exchange.is_chief else []
    limit = TimeLimit(config.minutes, [row["seconds"] for row in rows], under_way=reached.seconds, lost=lost_seconds)
    callbacks = [position, AveragedWeights(), watch(position), *watchers]
    if exchange.is_chief:
        usual = {**to_dict(type(config)()), "out": str(config.out)}
        callbacks += [
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: check_there(folder)),
            best,
            Series(logs, write_graph=False, update_freq="epoch"),
            HParams(to_dict(config), logs, trial_id=folder.name, metrics=shown, usual=usual),
            HistoryCSV(folder / "history.csv", position),
        ]
    callbacks.append(checkpoint)
    if exchange.is_chief:
        callbacks += [limit, patience]
        if not config.quiet:
            callbacks.append(Progress(("loss", shown[0], "val_loss", *(f"val_{name}" for name in shown)), position))
    callbacks.append(StopsAlike(exchange))
    try:
        stream = batches.training(reached.epochs * batches.steps + reached.steps)
        with fitting(model, measure):
            model.fit(
                stream,
                steps_per_epoch=batches.steps, epochs=config.epochs, initial_epoch=reached.epochs,
                validation_data=stream if measure else batches.selection,  # which `measure` leaves unread
                callbacks=callbacks, shuffle=False, verbose=0,
            )  # fmt: skip
    except KeyboardInterrupt:
        request.waits = False
        request.number = request.number or signal.SIGINT
        _say_interrupted(checkpoint.kept or reached)
        return
    done = position.epoch + 1
    if limit.reached:
        log.info("stopped after epoch %d of %d: --minutes %g", done, config.epochs, config.minutes)
    if patience.reached:
        log.info("stopped after epoch %d of %d: %s", done, config.epochs, _had_patience(best, config))


def best_epoch(folder: Path, shown: Sequence[str]) -> BestModel:
    """Make what keeps the best epoch in a run folder: by the first of `shown`, and among equals by the second."""
    record = folder / "checkpoints/best.json"
    return BestModel(folder / "model.keras", f"val_{shown[0]}", record=record, then=f"val_{shown[1]}")


def _had_patience(best: BestModel, config: RunConfig) -> str:
    return f"none of the last {config.patience} was better than epoch {best.epoch} (--patience)"


def _say_interrupted(kept: Reached) -> None:
    if kept == BEGINNING:
        log.warning("interrupted before anything was kept; the same command begins this run again")
    else:
        log.warning("interrupted, and kept after %s; the same command continues this run", kept)
