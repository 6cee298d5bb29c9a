"""A training whose steps are guarded, taken back to its last good checkpoint where it is to be: `--on-nan`."""

import logging
import time
from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from ...errors import DivergedError
from ...text import counted
from ..callbacks.checkpoint import keep_state, restore
from ..callbacks.divergence import Divergence, WentWrong
from ..callbacks.position import Position
from ..config import RunConfig
from ..devices.agreement import WISHES
from ..devices.exchange import ALONE, Exchange
from ..fitting import Batches
from ..reporting.history import read_history
from ..states import BEGINNING, Reached, state_files
from .blame import blamed
from .guarded_step import GuardedStep
from .record import Fault, FaultRecord

log = logging.getLogger("metricfit")


class Restoring:
    """Guards the steps of a model, and goes back after a faulty one with half the learning rate if asked to.

    Args:
        config: says what to do at such a step, and how often to go back at most.
        folder: of the run, in which it is kept how often that was over all starts.
        model: compiled, its optimizer with the learning rate times `rate`.
        rate: a factor, set here.
        batches: what the model sees.
        record: of the steps that went wrong in the run so far.
        exchange: tells which other processes do the same; the chief alone reads and writes the folder.
    """

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        model: keras.Model,
        rate: tf.Variable,
        batches: Batches,
        record: FaultRecord,
        exchange: Exchange = ALONE,
    ) -> None:
        self.config, self.folder, self.model, self.rate, self.batches = config, folder, model, rate, batches
        self.record, self.exchange = record, exchange
        self.step = GuardedStep(model, WISHES if exchange.workers > 1 else 0)
        rate.assign(self.record.factor)

    def watch(self, position: Position) -> Divergence:
        """Make the callback that looks at each step."""
        return Divergence(
            self.folder, position, self.step, self.record,
            on_nan=self.config.on_nan, names=self.batches.names, blame=self._blame,
        )  # fmt: skip

    def train(self, fit: Callable[[Reached], None], reached: Reached) -> None:
        """Train on by a function of how far the training is, as often as it goes back."""
        begins = self.exchange.is_chief and not state_files(self.folder / "checkpoints")
        if self.config.on_nan == "restore" and begins:
            keep_state(self.model, self.folder / "checkpoints", BEGINNING)
        while True:
            began, entered = time.monotonic(), self._seconds(reached)
            try:
                fit(reached)
                return
            except WentWrong as wrong:
                reached = self._go_back(wrong.fault, entered + time.monotonic() - began)

    def _seconds(self, reached: Reached) -> float:
        """Tell how long it took to get so far, without what was lost on the way."""
        rows = read_history(self.folder / "history.csv")
        return sum(row["seconds"] for row in rows if row["epoch"] <= reached.epochs) + reached.seconds

    def _go_back(self, fault: Fault, spent: float) -> Reached:
        if len(self.record.went_back) >= self.config.restores:
            raise DivergedError(
                f"{fault} in {self.folder}, and the training went back {counted(self.config.restores, 'time')} already "
                f"(--restores), to {self.record.factor:g} of its learning rate: give a lower --learning-rate"
            )
        reached = restore(self.model, self.folder / "checkpoints", self.exchange)
        self.record.go_back(fault, max(0.0, spent - self._seconds(reached)))
        self.rate.assign(self.record.factor)
        log.warning(
            "%s in %s: back to %s, with %g of the learning rate (%d of at most %d times)",
            fault, self.folder, "the beginning" if reached == BEGINNING else reached, self.record.factor,
            len(self.record.went_back), self.config.restores,
        )  # fmt: skip
        return reached

    def _blame(self, step: int) -> str:
        images, targets = next(iter(self.batches.whole(step).take(1)))
        try:
            return blamed(self.model, images, targets)
        except tf.errors.ResourceExhaustedError:
            return "there is no memory to look for the layer"
