"""What is compared: losses with their seeds, sweeps of a hyperparameter, data, and the schedule that all share."""

import ast
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ... import losses
from ..errors import UsageError
from ..training.config import RunConfig
from ..training.filling import filled
from ..training.words import parse_loss_options

Record = dict[str, Any]  # what a file of a comparison keeps: of a training, or of `Task.measure`
_SET_BY_TRAINERS = ("from_logits", "ignore_label", "exclusive")
# What no row can have for itself: where all is kept, what is read and measured once for all, how it goes on, and what
# comparing does not look at, as it goes by the networks' own scores.
_OF_ALL = (
    "data", "val", "out", "config", "loss", "loss_options", "seed", "skip_bad", "strict", "trust", "overwrite", "quiet",
    "classes", "ignore", "colours", "mask_threshold", "resize_masks", "max_megapixels", "scan_cache", "beta2",
    "augmentation", "minutes", "wait_minutes", "data_service", "strategy", "devices", "calibration",
    "calibration_target",
)  # fmt: skip
_ROW = r"([^\[\]:]+)(?:\[([^\[\]]*)\])?\s*"  # a loss or a sum of them, and what it is told
_EXAMPLE = "focal[box-loss=smooth_l1],alrp[learning-rate=3e-3]:2"


@dataclass(frozen=True)
class Entry:
    """A loss, or a sum of losses, as it is trained once for each seed, with options NAME=VALUE that are no defaults.

    Its settings, a training's by name, are what it alone is told: with them whole systems are compared.
    """

    loss: str
    options: tuple[str, ...] = ()
    seeds: int = 1
    settings: tuple[tuple[str, Any], ...] = ()

    @property
    def told(self) -> str:
        """Its settings as they are typed."""
        return " ".join(f"{name.replace('_', '-')}={_typed(value)}" for name, value in self.settings)

    @property
    def name(self) -> str:
        """The loss and its settings, which share a learning rate."""
        return f"{self.loss} [{self.told}]" if self.settings else self.loss

    @property
    def label(self) -> str:
        """What it is called in tables."""
        return ", ".join([self.name, *self.options])

    @property
    def key(self) -> str:
        """What its folders are called."""
        return as_key(self.label)


@dataclass(frozen=True)
class Sweep:
    """One hyperparameter of one loss, and the row of that name at each of several values, by the value as written."""

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


def read_entries(text: str, seeds: int, config_class: type[RunConfig] = RunConfig) -> tuple[Entry, ...]:
    """Read losses as they are typed, "floss,cross_entropy,ap:1"; `seeds` where one says none.

    Behind a name or a sum of losses there may be settings of the configuration's class in brackets.
    """
    entries = {}
    for part in re.split(r",(?![^\[\]]*\])", text):
        found = re.fullmatch(_ROW + r"(?::\s*(\d+))?", part.strip())
        if found is None or not found[1].strip():
            raise UsageError(
                f"--losses takes names with commas between them, each with [FLAG=VALUE ...] where it is to be told "
                "something for itself, and with :SEEDS where it is to have another number, such as "
                f"floss,cross_entropy,log_floss:1 or {_EXAMPLE}; got {part.strip() or 'nothing'!r}"
            )
        entry = _read_row(found[1], found[2], int(found[3] or seeds), "--losses", config_class)
        if entry.name in entries:
            raise UsageError(f"{entry.name} stands twice in --losses: leave one away")
        entries[entry.name] = entry
        if entry.seeds < 1:
            raise UsageError(f"{entry.name} must have at least 1 seed, got {entry.seeds}")
    return tuple(entries.values())


def _read_row(loss: str, told: str | None, seeds: int, flag: str, config_class: type[RunConfig]) -> Entry:
    """Make a row of what `_ROW` has found in the text of a flag."""
    loss = loss.strip()
    own = () if told is None else _read_settings(told, f"{flag} {loss}[{told}]", config_class)
    return Entry(loss, seeds=seeds, settings=own)


def _read_settings(text: str, where: str, config_class: type[RunConfig]) -> tuple[tuple[str, Any], ...]:
    """Read "box-loss=giou model=foveabox", which one row is told, in the order of the configuration's fields."""
    values: dict[str, Any] = {}
    for word in text.split():
        flag, equals, value = word.partition("=")
        name = flag.removeprefix("--").replace("-", "_")
        if not equals or not name or not value:
            raise UsageError(f"{where} takes FLAG=VALUE with spaces between them, such as {_EXAMPLE}; got {word!r}")
        if name in values:
            raise UsageError(f"{where} says {flag} twice: leave one away")
        if name.partition(".")[0] in _OF_ALL:
            more = ": give hyperparameters of the loss by --sweep" if name == "loss_options" else ""
            raise UsageError(f"{where}: {flag} is the same for all rows of a comparison{more}")
        values[name] = _read_value(value)
    if not values:
        raise UsageError(f"{where} says nothing: leave the brackets away, or write as in {_EXAMPLE}")
    config = filled(config_class, values, where)
    return tuple((one.name, getattr(config, one.name)) for one in fields(config) if one.name in values)


def _read_value(text: str) -> Any:
    """Read a number, true or false, or several of them; anything else is text."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _typed(value: Any) -> str:
    """Write a value as it is typed in brackets."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_typed, value)) if isinstance(value, tuple) else f"{value}"


def read_sweep(
    text: str, entries: tuple[Entry, ...], seeds: int, config_class: type[RunConfig] = RunConfig
) -> list[Sweep]:
    """Read a hyperparameter's values, "beta2=0.3,0.8", for each row that has it, or "floss.beta2=0.3,0.8" for one.

    A row is named as `read_entries` reads it, with its settings.
    """
    found = re.fullmatch(rf"(?:{_ROW}\.)?([^\[\].=]+)=([^\[\]=]*)", text.strip())
    name, values = (found[3].strip(), [value.strip() for value in found[4].split(",")]) if found else ("", [])
    if found is None or not name or not all(values) or len(set(values)) < 2:
        raise UsageError(
            "--sweep takes a hyperparameter and at least two values, such as beta2=0.3,0.8, or floss.beta2=0.3,0.8 for "
            f"the row floss alone; got {text!r}"
        )
    rows = entries
    if found[1]:
        only = _read_row(found[1], found[2], seeds, "--sweep", config_class).name
        rows = tuple(entry for entry in entries if entry.name == only)
        if not rows:
            names = ", ".join(entry.name for entry in entries)
            raise UsageError(f"--sweep {text}: --losses has no row {only}, it has {names}")
    having = [entry for entry in rows if name in _defaults(entry.loss)]
    if not having:
        known = ", ".join(f"{entry.name} ({', '.join(_defaults(entry.loss)) or 'none'})" for entry in rows)
        raise UsageError(f"--sweep {text}: no such hyperparameter; those of the losses are {known}")

    def at(one: Entry, value: str) -> Entry:
        (read,) = parse_loss_options([f"{name}={value}"]).values()
        options = () if read == _defaults(one.loss)[name] else (f"{name}={value}",)
        return Entry(one.loss, options, seeds, one.settings)

    return [Sweep(name, one.name, {value: at(one, value) for value in values}) for one in having]


def _defaults(text: str) -> dict[str, Any]:
    """Give the hyperparameters of a loss or of a sum of them."""
    try:
        names = losses.read_sum(text)
    except ValueError as error:
        raise UsageError(f"--losses {text}: {error}") from error
    known = [losses.LOSSES[name].hyperparameters for name in names if name in losses.LOSSES]
    return {key: value for one in known for key, value in one.items() if key not in _SET_BY_TRAINERS}
