"""Which pictures a run trains with, kept in its folder: a training that goes on sees the same ones in their places."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from ...data.example import Source
from ...errors import DataError, UsageError
from ...files import write_json
from ...text import counted, read_json
from ..states import steps_of_epochs

log = logging.getLogger("metricfit")


@dataclass(frozen=True)
class Pictures:
    """The pictures of one source.

    Attributes:
        count: how many there are.
        names: a digest of their names, in their order.
        left_out: the names of those that could not be used when the run began; they stay left out.
        digest: of all that is in the examples, where the data say it (packed data).
    """

    count: int
    names: str
    left_out: tuple[str, ...] = ()
    digest: str = ""

    @classmethod
    def of(cls, source: Source) -> Self:
        """Describe a source that was scanned; nothing is loaded."""
        return cls(len(source), _digest(source.names), tuple(source.left_out), source.digest)


@dataclass(frozen=True)
class RunData:
    """What a run trains with, and what its epochs are measured on; `classes` is a digest of the classes' names."""

    training: Pictures
    selection: Pictures
    classes: str

    @classmethod
    def of(cls, training: Source, selection: Source) -> Self:
        """Describe the data of a run."""
        return cls(Pictures.of(training), Pictures.of(selection), _digest(training.class_names))

    @property
    def left_out(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What stays left out of the training data, and of those that choose."""
        return self.training.left_out, self.selection.left_out


def write_run_data(folder: Path, data: RunData) -> None:
    """Keep in a run's folder which pictures it began with."""
    write_json(_path(folder), asdict(data))


def read_run_data(folder: Path) -> RunData | None:
    """Read which pictures a run began with; None where that is not known, with a warning where it is damaged."""
    if not (path := _path(folder)).is_file():
        return None  # of an earlier version
    try:
        found = read_json(path)
        return RunData(_pictures(found["training"]), _pictures(found["selection"]), str(found["classes"]))
    except (DataError, KeyError, TypeError, ValueError) as error:
        log.warning(
            "%s, which tells the pictures that this run began with, is damaged (%s): those that are there now take "
            "their place, unless an epoch has another number of steps",
            path, type(error).__name__ if not isinstance(error, DataError) else "no JSON",
        )  # fmt: skip
        return None


def check_same_data(folder: Path, kept: RunData | None, now: RunData, steps: int) -> None:
    """Refuse to go on where the pictures are others now: their order, and maybe the learning rate, would be, too.

    Args:
        folder: of the run.
        kept: what it began with; None where that is not known.
        now: what its data give now.
        steps: of an epoch now.

    Raises:
        UsageError: says what changed, and what to do.
    """
    changes = _changes(kept, now) if kept else []
    if (before := steps_of_epochs(folder / "checkpoints")) not in (0, steps):
        changes.append(f"an epoch had {counted(before, 'step')}, and has {steps} now")
    if changes:
        raise UsageError(
            f"{folder} was trained on other data than there are now ({'; '.join(changes)}): put them back as they "
            f"were; or train with these in another --out (--init {folder} starts from its model), or with --overwrite"
        )


def refuse_others(data: Sequence[RunData]) -> None:
    """Refuse processes of one training that see other pictures than the first; UsageError says which."""
    for worker, other in enumerate(data):
        if changes := _changes(data[0], other):
            raise UsageError(
                f"worker {worker} has other data than worker 0 ({'; '.join(changes)}): give all of them the same"
            )


def _changes(kept: RunData, now: RunData) -> list[str]:
    changes = []
    for kind, before, there in (
        ("training", kept.training, now.training),
        ("selection", kept.selection, now.selection),
    ):
        if before.count != there.count:
            changes.append(f"{counted(before.count, f'{kind} picture')} then, {there.count or 'none'} now")
        elif before.names != there.names:
            changes.append(f"as many {kind} pictures, {before.count}, but of other names or in another order")
        elif before.digest and before.digest != there.digest:
            changes.append(f"as many {kind} pictures of the same names, {before.count}, but packed from others")
    if kept.classes != now.classes:
        changes.append("the names of the classes, or their order, are others")
    return changes


def _path(folder: Path) -> Path:
    return folder / "checkpoints/data.json"


def _pictures(entry: dict[str, Any]) -> Pictures:
    left_out, digest = tuple(map(str, entry["left_out"])), str(entry.get("digest", ""))
    return Pictures(int(entry["count"]), str(entry["names"]), left_out, digest)


def _digest(names: Iterable[str]) -> str:
    content = hashlib.sha256()
    for name in names:
        data = name.encode("utf-8", "surrogatepass")
        content.update(len(data).to_bytes(8, "big") + data)
    return content.hexdigest()
