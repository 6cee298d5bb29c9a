"""A run folder whose files a crash or a bad disk left damaged: mended of what is whole, each in a sentence."""

import logging
from collections.abc import Sequence
from pathlib import Path

from ...models.keras_file import fault_of
from ..callbacks.best import BestModel
from ..reporting.history import mended_history, read_history
from ..states import epochs_kept

log = logging.getLogger("metricfit")


def mend(folder: Path, best: BestModel) -> None:
    """Mend what a training that goes on reads of its folder: the history, the best model and its record.

    What `best` has read of the record before counts no more where something was mended.
    """
    history, model, trained = folder / "history.csv", folder / "model.keras", epochs_kept(folder / "checkpoints")
    if mended_history(history):
        log.warning("%s was damaged: %s", history, _kept(read_history(history)))
    elif (known := len(read_history(history))) < trained:
        log.warning(
            "%s tells of %d of the %d epochs that are trained: the other rows are missing", history, known, trained
        )
    if trained and not model.is_file():
        log.warning("%s is missing: the best of the epochs from here on takes its place, or the last state", model)
    elif model.is_file() and (fault := fault_of(model)):
        aside = model.replace(model.with_name("model.keras.damaged"))
        log.warning(
            "%s was damaged (%s) and is now %s: the best of the epochs from here on takes its place, or the last state",
            model, fault, aside.name,
        )  # fmt: skip
    if best.mend(read_history(history)):
        anew = f"written anew of the history: epoch {best.epoch}" if best.epoch else "the history has none to tell of"
        log.warning("%s, which tells how good the kept model is, was damaged or missing: %s", best.record, anew)


def _kept(rows: Sequence[object]) -> str:
    return f"its {len(rows)} whole rows are kept" if rows else "no row of it was whole"
