"""The states of a training on disk: one file each, whole or absent, in the order they came. Imports no TensorFlow."""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import MetricfitError, first_line
from ..files import written_beside
from ..text import cut

KEPT = 2  # of the ends of epochs, and of the states within the epoch under way

_NAME = re.compile(r"epoch-(\d+)(?:-step-(\d+))?\.npz")
_REACHED, _METRIC = "reached", "metric/"


@dataclass(frozen=True)
class Reached:
    """How far a training is: whole epochs, and of the one under way the steps, their seconds, what its metrics hold.

    `epoch_steps` tells how many steps its epochs have; 0 where that is not known.
    """

    epochs: int = 0
    steps: int = 0
    seconds: float = 0.0
    metrics: tuple[np.ndarray, ...] = field(default=(), compare=False, repr=False)
    epoch_steps: int = field(default=0, compare=False)

    def __str__(self) -> str:
        """Say it as people count."""
        return f"step {self.steps} of epoch {self.epochs + 1}" if self.steps else f"the end of epoch {self.epochs}"


BEGINNING = Reached()


def state_files(folder: str | Path) -> list[Path]:
    """Give the files of the states in a folder, the oldest first; none where there is no folder."""
    found = Path(folder).glob("epoch-*.npz")
    return sorted((path for path in found if _NAME.fullmatch(path.name)), key=_order)


def epochs_kept(folder: str | Path) -> int:
    """Give the whole epochs of the latest state in a folder, by its name; 0 where there is none."""
    found = state_files(folder)
    return _order(found[-1])[0] if found else 0


def steps_of_epochs(folder: str | Path) -> int:
    """Give how many steps an epoch has by the latest whole state in a folder; 0 where that is not known."""
    for path in reversed(state_files(folder)):
        with contextlib.suppress(MetricfitError):
            return read_state(path)[0].epoch_steps
    return 0


def write_state(folder: str | Path, reached: Reached, arrays: Mapping[str, np.ndarray]) -> Path:
    """Write a state, and remove those that nobody goes back to; gives the file."""
    name = f"epoch-{reached.epochs}-step-{reached.steps}.npz" if reached.steps else f"epoch-{reached.epochs}.npz"
    path = Path(folder) / name
    how_far = np.array([reached.epochs, reached.steps, reached.seconds, reached.epoch_steps], np.float64)
    metrics = {f"{_METRIC}{index}": values for index, values in enumerate(reached.metrics)}
    # Arrays alone: NumPy before 2.1 would keep its own setting, allow_pickle, as one more of them.
    named: dict[str, Any] = {_REACHED: how_far, **metrics, **arrays}
    with written_beside(path) as beside:
        np.savez(beside, **named)
    _remove_old(folder)
    return path


def read_state(path: str | Path) -> tuple[Reached, dict[str, np.ndarray]]:
    """Read a state to the end, which checks its sums; raises `MetricfitError` where it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        # Of what is no array NumPy gives the bytes.
        if wrong := [name for name, values in arrays.items() if not isinstance(values, np.ndarray)]:
            raise ValueError(f"{cut(wrong[0])} holds no numbers")
        epochs, steps, seconds, *more = arrays.pop(_REACHED).tolist()
        (epoch_steps,) = more or [0]  # earlier versions did not tell
        if not (0 <= epochs < 1e9 and 0 <= steps < 1e12 and seconds >= 0 and 0 <= epoch_steps < 1e12):
            raise ValueError("it says that it was reached at no time that is one")
    # NumPy takes its headers for Python, and decodes archives: there are many ways in which that fails.
    except Exception as error:
        # NumPy goes on to say how to load it unsafely.
        reason = first_line(error).partition(". ")[0]
        raise MetricfitError(f"checkpoint {path} is damaged ({reason})") from error
    metrics = [arrays.pop(name) for name in list(arrays) if name.startswith(_METRIC)]
    return Reached(int(epochs), int(steps), seconds, tuple(metrics), int(epoch_steps)), arrays


def _order(path: Path) -> tuple[int, int]:
    match = _NAME.fullmatch(path.name)
    assert match is not None
    return int(match[1]), int(match[2] or 0)


def _remove_old(folder: str | Path) -> None:
    """Keep the last two ends of epochs, and the last two states after them."""
    files = state_files(folder)
    ends = [path for path in files if not _order(path)[1]]
    within = [path for path in files if _order(path)[1] and (not ends or _order(path) > _order(ends[-1]))]
    for path in set(files) - {*ends[-KEPT:], *within[-KEPT:]}:
        path.unlink(missing_ok=True)
