"""What happens when a step's numbers are none: stop, leave it out, or go back."""

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import keras

from ...errors import DivergedError
from ..faults.blame import unsound
from ..faults.guarded_step import GuardedStep
from ..faults.record import Fault, FaultRecord
from .position import Position

log = logging.getLogger("metricfit")

MOST_IN_A_ROW = 10
"""Steps left out, after which it cannot be the pictures: nothing changes the weights in between."""

MOST_BLAMED = 3


class WentWrong(Exception):
    """A step was not taken, and the training is to go back."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


class Divergence(keras.callbacks.Callback):
    """Looks whether each step was taken, and before an epoch is kept, whether all that is kept are numbers.

    It must stand before whatever measures or keeps.

    Args:
        folder: of the run.
        position: tells where the training is, and stands in the list before.
        step: the guarded step of the model.
        record: keeps what was left out.
        on_nan: "stop" raises `DivergedError`, "skip" leaves the step out, "restore" raises `WentWrong`.
        names: gives the names of a step's examples, counted from 0.
        blame: says which layer of such a step is to blame; asked for the first few alone, since that takes a while.
    """

    def __init__(
        self,
        folder: str | Path,
        position: Position,
        step: GuardedStep,
        record: FaultRecord,
        *,
        on_nan: str = "stop",
        names: Callable[[int], Sequence[str]] = lambda step: (),
        blame: Callable[[int], str] = lambda step: "",
    ) -> None:
        super().__init__()
        self.folder, self.position, self.step, self.record = Path(folder), position, step, record
        self.on_nan, self.names, self.blame = on_nan, names, blame
        self._in_a_row = self._blamed = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at what the step came to."""
        verdict = self.step.verdict()
        if verdict.sound:
            self._in_a_row = 0
            return
        step = self.position.epoch * self.params["steps"] + self.position.steps - 1
        self._blamed += not verdict.computed
        where = self.blame(step) if not verdict.computed and self._blamed <= MOST_BLAMED else ""
        epoch, in_epoch = self.position.epoch + 1, self.position.steps
        fault = Fault(step, epoch, in_epoch, verdict.what, where, tuple(self.names(step)))
        self._in_a_row += 1
        if self.on_nan == "skip" and self._in_a_row <= MOST_IN_A_ROW:
            self.record.skip(fault)
            log.warning("%s in %s: the step is left out (--on-nan skip)", fault, self.folder)
            return
        self._end(fault)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Look at all that would be kept."""
        if path := unsound([*self.model.variables, *self.model.optimizer.variables]):
            step = (epoch + 1) * self.params["steps"] - 1
            self._end(Fault(step, epoch + 1, self.position.steps, f"{path} is no number"))
        value = float((logs or {}).get("val_loss", 0.0))
        if not math.isfinite(value):
            log.warning(
                "val_loss is %s after epoch %d, and yet all weights are numbers: the loss has no value on some of the "
                "selection pictures",
                value, epoch + 1,
            )  # fmt: skip

    def _end(self, fault: Fault) -> None:
        if self.on_nan == "restore":
            raise WentWrong(fault)
        raise DivergedError(self.sentence(fault))

    def sentence(self, fault: Fault) -> str:
        """Say what went wrong, and what to do."""
        kept = "; the best epoch before is kept" if (self.folder / "model.keras").is_file() else ""
        many = f", and {MOST_IN_A_ROW} steps before it were left out" if self._in_a_row > MOST_IN_A_ROW else ""
        ways = "skip (leaves such steps out) or restore (goes back, with half the learning rate)"
        give = "" if self.on_nan != "stop" else f", or the same command with --on-nan {ways}"
        return f"{fault.what} in {self.folder}, at {fault.place}{many}: try a lower --learning-rate{give}{kept}"
