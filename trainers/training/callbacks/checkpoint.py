"""The state of a training, written now and then: a resumed training equals an uninterrupted one, to the bit."""

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ...errors import DivergedError, MetricfitError
from ..devices.agreement import Agreement
from ..devices.exchange import ALONE, Exchange
from ..devices.metric_states import metric_variables
from ..faults.blame import unsound
from ..states import BEGINNING, Reached, read_state, state_files, write_state
from .position import Position

log = logging.getLogger("metricfit")

SECONDS = 300.0
"""Of training that a killed process loses at most, where no number of steps is asked for."""


class TrainingCheckpoint(keras.callbacks.Callback):
    """Keeps weights, moving statistics, random states, the whole optimizer and the metrics of the epoch under way.

    It writes at the end of each epoch, and with a `position` also within: after so many steps, or five minutes; one
    step before an epoch's last, so that its measuring can be interrupted, too (Keras cannot enter an epoch without a
    step left); and when somebody asks the training to end, which it then does. An interrupted write leaves the state
    before it. Put it last among the callbacks: what stands before it is then done whenever an epoch is recorded.

    Args:
        folder: of the states.
        position: tells where the training is, and stands in the list, too; None keeps the ends of epochs alone.
        every: steps between two states; None goes by time.
        agreement: tells whether the training is to end, and what several processes do alike, of which the chief writes.
    """

    def __init__(
        self,
        folder: str | Path,
        position: Position | None = None,
        *,
        every: int | None = None,
        agreement: Agreement | None = None,
    ) -> None:
        super().__init__()
        self.folder, self.position, self.every = Path(folder), position, every
        self.agreement = agreement or Agreement()
        self.request = self.agreement.request
        self.kept: Reached | None = None  # how far the latest state is that was written
        self._written = 0.0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Start the clock."""
        if self.agreement.exchange.is_chief:
            self.folder.mkdir(parents=True, exist_ok=True)
        self._written = time.monotonic()

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Let whoever asks the training to end wait for the step."""
        self.request.waits = True
        self.agreement.before_step(self._is_late())

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the state where it is time to, and end the training when asked to."""
        if self.position is None:
            return
        due = self.agreement.after_step(self._is_late())
        sound = math.isfinite(float((logs or {}).get("loss", 0.0)))
        if self.position.left() and sound and self._is_time(self.position, due):
            self._write(self.position.reached())
        if self.position.left():
            self.agreement.leave_if_agreed()

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Let nobody wait for the end of an epoch's measuring, but where other processes would be left in it."""
        self.request.waits = self.agreement.several
        self.agreement.leave_if_agreed()

    def on_test_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look again: an exception of a signal can get lost where Python cleans up."""
        self.agreement.leave_if_agreed()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write the state, unless the loss is no finite number: nothing could be resumed from there."""
        self.request.waits = True
        if math.isfinite(float((logs or {}).get("loss", 0.0))):
            self._write(Reached(epoch + 1, epoch_steps=(self.params or {}).get("steps") or 0))
        self.agreement.between_epochs()
        self.agreement.leave_if_agreed()

    def _is_time(self, position: Position, due: bool) -> bool:
        if self.agreement.number is not None or position.left() == 1:
            return True
        return due if self.every is None else position.steps % self.every == 0

    def _is_late(self) -> bool:
        return time.monotonic() - self._written > SECONDS

    def _write(self, reached: Reached) -> None:
        self.kept, self._written = reached, time.monotonic()
        if not self.agreement.exchange.is_chief:
            return
        if not self.folder.is_dir():
            raise MetricfitError(f"{self.folder} was there and is gone: put it back, or train again in another --out")
        keep_state(self.model, self.folder, reached)


def keep_state(model: keras.Model, folder: str | Path, reached: Reached) -> None:
    """Write how far a training is into a folder; raises `DivergedError` where a part of it is no number."""
    if path := unsound(state_of(model).values()):
        raise DivergedError(f"{path} is no number any more, so no checkpoint is written: lower --learning-rate")
    arrays = {name: keras.ops.convert_to_numpy(variable) for name, variable in state_of(model).items()}
    write_state(folder, reached, arrays)


def restore(model: keras.Model, folder: str | Path, exchange: Exchange = ALONE) -> Reached:
    """Bring a compiled, built model back to the latest state in a folder; gives where its training goes on.

    Where that is damaged, or holds values that are no numbers, it is the one before it, with a warning. The chief
    alone reads, and gives it to the other processes.
    """
    reached, arrays = exchange.by_chief(lambda: _sound_state(model, folder))
    if arrays:
        for name, variable in state_of(model).items():
            variable.assign(arrays[name])
    return reached


def _sound_state(model: keras.Model, folder: str | Path) -> tuple[Reached, dict[str, np.ndarray]]:
    """Read the latest sound state of a model; BEGINNING and no arrays where there is none."""
    faults = []
    for path in reversed(state_files(folder)):
        try:
            reached, arrays = read_state(path)
        except MetricfitError as error:
            faults.append(str(error))
            continue
        if _shapes(arrays) != _shapes(state_of(model)):
            raise MetricfitError(
                f"checkpoint {path} does not fit this model and optimizer: train with the configuration it came from, "
                "or start anew with --overwrite"
            )
        if unsound(arrays.values()):
            faults.append(f"checkpoint {path} holds values that are no numbers")
            continue
        for fault in faults:
            log.warning("%s: the one before it is taken, of %s", fault, reached)
        return reached, arrays
    if faults:
        run = Path(folder).parent
        best = f", or in another --out with --init {run}, which begins with its best epoch"
        raise MetricfitError(
            f"{faults[0]}, and no other one is whole: start anew with --overwrite"
            + (best if (run / "model.keras").exists() else "")
        )
    return BEGINNING, {}


def _shapes(state: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(values.shape) for name, values in state.items()}


def state_of(model: keras.Model) -> dict[str, Any]:
    """Name what a training changes, by its place in an order that follows from the architecture alone."""
    optimizer = model.optimizer
    if not optimizer.built:
        optimizer.build(model.trainable_variables)
    metrics = set(map(id, metric_variables(model)))
    parts = {"model": [one for one in model.variables if id(one) not in metrics], "optimizer": optimizer.variables}
    return {f"{part}/{index}": variable for part, some in parts.items() for index, variable in enumerate(some)}
