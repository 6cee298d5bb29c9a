"""What is compared: losses with their seeds, sweeps of a hyperparameter, data, and the schedule that all share."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import losses
from ..errors import UsageError
from ..training.config import RunConfig
from ..training.words import parse_loss_options

Record = dict[str, Any]  # what a file of a comparison keeps: of a training, or of `Task.measure`
_SET_BY_TRAINERS = ("from_logits", "ignore_label")


@dataclass(frozen=True)
class Entry:
    """A loss, or a sum of losses, as it is trained once for each seed, with options NAME=VALUE that are no defaults."""

    loss: str
    options: tuple[str, ...] = ()
    seeds: int = 1

    @property
    def label(self) -> str:
        """What it is called in tables."""
        return ", ".join([self.loss, *self.options])

    @property
    def key(self) -> str:
        """What its folders are called."""
        return as_key(self.label)


@dataclass(frozen=True)
class Sweep:
    """One hyperparameter of one loss, and the loss at each of several values, by the value as it was written."""

    name: str
    loss: str
    entries: dict[str, Entry]


@dataclass(frozen=True)
class Plan:
    """A whole comparison; each loss has several learning rates, equally long, judged on the selection split."""

    config: RunConfig
    entries: tuple[Entry, ...]
    tests: tuple[str, ...]
    out: Path
    learning_rates: tuple[float, ...] = (1e-3,)
    trial_epochs: int = 1
    seed: int = 0
    sweeps: tuple[Sweep, ...] = ()
    overwrite: bool = False


def as_key(text: str) -> str:
    """Make a text fit to be a file's name."""
    return re.sub(r"[^\w.=-]+", "-", text).strip("-")


def read_entries(text: str, seeds: int) -> tuple[Entry, ...]:
    """Read names or sums of losses as they are typed, "floss,cross_entropy,ap:1"; `seeds` where one says none."""
    entries = {}
    for part in text.split(","):
        name, colon, count = (piece.strip() for piece in part.partition(":"))
        if not name or (colon and not count.isdecimal()):
            raise UsageError(
                f"--losses takes names with commas between them, each with :SEEDS where it is to have another number, "
                f"such as floss,cross_entropy,log_floss:1; got {part.strip() or 'nothing'!r}"
            )
        if name in entries:
            raise UsageError(f"{name} stands twice in --losses: leave one away")
        entries[name] = Entry(name, seeds=int(count) if colon else seeds)
        if entries[name].seeds < 1:
            raise UsageError(f"{name} must have at least 1 seed, got {entries[name].seeds}")
    return tuple(entries.values())


def read_sweep(text: str, entries: tuple[Entry, ...], seeds: int) -> list[Sweep]:
    """Read a hyperparameter's values, "beta2=0.3,0.8", for each loss that has it, or "floss.beta2=0.3,0.8" for one."""
    name, _, listed = (piece.strip() for piece in text.partition("="))
    only, _, name = name.rpartition(".")
    values = [value.strip() for value in listed.split(",")]
    if not name or not all(values) or len(set(values)) < 2:
        raise UsageError(f"--sweep takes a hyperparameter and at least two values, such as beta2=0.3,0.8; got {text!r}")
    having = [entry for entry in entries if only in ("", entry.loss) and name in _defaults(entry.loss)]
    if not having:
        known = ", ".join(f"{entry.loss} ({', '.join(_defaults(entry.loss)) or 'none'})" for entry in entries)
        raise UsageError(f"--sweep {text}: no such hyperparameter; those of the losses are {known}")

    def at(loss: str, value: str) -> Entry:
        (read,) = parse_loss_options([f"{name}={value}"]).values()
        return Entry(loss, () if read == _defaults(loss)[name] else (f"{name}={value}",), seeds)

    return [Sweep(name, one.loss, {value: at(one.loss, value) for value in values}) for one in having]


def _defaults(text: str) -> dict[str, Any]:
    """Give the hyperparameters of a loss or of a sum of them."""
    try:
        names = losses.read_sum(text)
    except ValueError as error:
        raise UsageError(f"--losses {text}: {error}") from error
    known = [losses.LOSSES[name].hyperparameters for name in names if name in losses.LOSSES]
    return {key: value for one in known for key, value in one.items() if key not in _SET_BY_TRAINERS}
