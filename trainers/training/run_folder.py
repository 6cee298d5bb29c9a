"""A training's folder on disk: what it is, whether it may be continued, and its log. Imports no TensorFlow."""

import importlib.metadata
import json
import logging
import logging.handlers
import platform
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from ..errors import MetricfitError, UsageError
from ..files import left_beside, write_json
from ..locking import LOCK, holds_nothing, refuse_locked
from ..text import cut
from .config import RunConfig
from .config_files import DECIDED, NOT_PART_OF_A_RUN, as_meant, to_dict
from .states import state_files

log = logging.getLogger("metricfit")

_NAMED = 5  # of the settings that differ; the others are counted
_MADE_BY_AN_EPOCH = ("model.keras", "history.csv")
_FOLDERS = ("checkpoints", "figures", "tensorboard")


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that decide a result."""
    found = {"python": platform.python_version()}
    for package in ("metricfit", "tensorflow", "keras", "keras-cv", "numpy", "opencv-python"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def check_run(task: str, config: RunConfig) -> bool:
    """Tell whether there is a run to go on with; refuses a folder that holds another one. Nothing is changed."""
    folder = Path(config.out)
    if (folder / "config.json").is_file():
        found = read_run(folder)
        if config.overwrite:
            for flag in ("init", "teacher"):
                named = getattr(config, flag, None)
                if named and Path(named).resolve().is_relative_to(folder.resolve()):
                    raise UsageError(f"--overwrite would delete {named}, which --{flag} needs: choose another --out")
            return False
        if not _began(folder):
            return False
        if differing := _difference(found, task, config):
            raise UsageError(
                f"{folder} holds a run with other settings ({'; '.join(differing)}): choose another --out (--init "
                f"{folder} starts from its model), use the same settings to continue it, or --overwrite to start anew"
            )
        return True
    if folder.exists() and (not folder.is_dir() or not holds_nothing(folder)):
        raise UsageError(f"{folder} exists and is not a run folder: choose another --out")
    return False


def check_there(folder: Path) -> None:
    """Refuse to write into a run folder that was taken away in mid-run: what is made anew there would be no run."""
    if not (config := folder / "config.json").is_file():
        raise MetricfitError(f"{config} was there and is gone: put the folder back, or train again in another --out")


def earlier_settings(config: RunConfig) -> dict[str, Any]:
    """Give the settings of the run that a training would go on with; empty where it begins anew."""
    folder = Path(config.out)
    if config.overwrite or not _began(folder):
        return {}
    return as_meant(read_run(folder)["config"])


def has_state(folder: Path) -> bool:
    """Tell whether there is a state to go on from; refuses those of earlier versions, and a trained run without any."""
    checkpoints = folder / "checkpoints"
    if state_files(checkpoints):
        return True
    found = "checkpoints of an earlier version, which" if (checkpoints / "checkpoint").is_file() else ""
    if found or _had_state(folder):
        raise UsageError(
            f"{folder} has {found or 'trained, but its checkpoints are gone: it'} cannot be continued: choose another "
            f"--out with --init {folder}, which starts from its best epoch, or --overwrite to start anew"
        )
    return False


def _had_state(folder: Path) -> bool:
    """Tell whether a state was once written: a run begins with a folder for them, and soon after an epoch has one."""
    history = folder / "history.csv"
    epochs = history.read_bytes().count(b"\n") - 1 if history.is_file() else 0
    return not (folder / "checkpoints").is_dir() or (folder / "metrics.json").is_file() or epochs > 1


def _began(folder: Path) -> bool:
    """Tell whether a run has anything to lose: what stopped before its first checkpoint does not."""
    made = [folder / name for name in _MADE_BY_AN_EPOCH] + state_files(folder / "checkpoints")
    return (folder / "config.json").is_file() and any(path.is_file() for path in made)


def open_run(
    task: str, config: RunConfig, digests: Mapping[str, str] | None = None, devices: Mapping[str, Any] | None = None
) -> Path:
    """Make the run folder with its config.json, empty where `check_run` finds nothing to go on with.

    Whoever calls it has locked the folder: what was left half-written there is of nobody who lives, and is removed.
    `digests` tell which data it was, by the name of the source, where data say that themselves; `devices` what trains.
    """
    folder = Path(config.out)
    if not check_run(task, config):
        clear(folder)
    known = {"digests": dict(digests)} if digests else {}
    known |= {"devices": dict(devices)} if devices else {}
    write_json(folder / "config.json", {"task": task, "config": to_dict(config), **known, "versions": versions()})
    for name in _FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    for place in (folder, *map(folder.joinpath, _FOLDERS)):
        for path in left_beside(place):
            path.unlink(missing_ok=True)
    return folder


def clear(folder: Path) -> None:
    """Empty a folder of runs but for its own lock; raises `UsageError` where somebody trains below it.

    The checkpoints go first, so that nobody goes on with half a run, and what says that it is one goes last.
    """
    there = [path for path in folder.glob("*") if path.name != LOCK]
    folders = [path for path in there if path.is_dir() and not path.is_symlink()]
    for below in folders:
        refuse_locked(below)
    for path in sorted(there, key=lambda path: (path.name != "checkpoints", path.name == "config.json")):
        shutil.rmtree(path) if path in folders else path.unlink()


def _difference(found: dict, task: str, config: RunConfig) -> list[str]:
    """Tell how a run differs from what is asked for; what the run does not know has its default."""
    # Through JSON, so that a tuple equals the list it was written as.
    defaults, new = json.loads(json.dumps([to_dict(type(config)()), to_dict(config)]))
    old = _over(defaults, as_meant(found["config"]))
    new |= {name: old.get(name) for name in DECIDED if new.get(name) == "auto"}  # whatever it was decided to be
    was = {name: value for name, value in _flat(old).items() if name.partition(".")[0] not in NOT_PART_OF_A_RUN}
    wanted = {name: value for name, value in _flat(new).items() if name.partition(".")[0] not in NOT_PART_OF_A_RUN}
    pairs: dict[str, tuple[Any, Any]] = {"task": (found["task"], task)}
    pairs |= {name: (was.get(name), wanted.get(name)) for name in sorted(was.keys() | wanted.keys())}
    differing = [
        f"{cut(name)} is {cut(str(there))}, asked for {cut(str(asked))}"
        for name, (there, asked) in pairs.items()
        if there != asked
    ]
    more = [f"and {len(differing) - _NAMED} more"] if len(differing) > _NAMED else []
    return differing[:_NAMED] + more


def _flat(settings: dict, prefix: str = "") -> dict[str, Any]:
    """Give settings within settings by names with dots."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) and value else {f"{prefix}{name}": value}
    return flat


def _over(defaults: dict, values: dict) -> dict:
    """Lay settings over the defaults, also those of settings within settings."""
    laid = {**defaults, **values}
    for name, value in values.items():
        if isinstance(value, dict) and isinstance(defaults.get(name), dict):
            laid[name] = _over(defaults[name], value)
    return laid


def read_run(folder: str | Path) -> dict[str, Any]:
    """The contents of a run folder's config.json: task, config and versions."""
    path = Path(folder) / "config.json"
    if not path.is_file():
        raise UsageError(f"{folder} is not a run folder: it has no config.json")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{folder} is not a run folder: its config.json is not JSON ({error})") from error
    if not isinstance(found, dict) or not isinstance(found.get("config"), dict) or "task" not in found:
        raise UsageError(f"{folder} is not a run folder: its config.json is not that of a training")
    return found


class LogFile:
    """A context in which everything logged is kept for the run's log.txt, from before the run has a folder."""

    def __enter__(self) -> Self:
        self.level = log.level
        self.handler = logging.handlers.MemoryHandler(10_000, flushLevel=logging.CRITICAL, flushOnClose=False)
        log.setLevel(logging.INFO)
        log.addHandler(self.handler)
        return self

    def write_to(self, folder: str | Path) -> None:
        """Write what was logged so far, and from now on every line at once."""
        file = logging.FileHandler(Path(folder) / "log.txt", encoding="utf-8")
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        self.handler.setTarget(file)
        self.handler.flush()
        self.handler.flushLevel = logging.NOTSET

    def __exit__(self, *_: object) -> None:
        log.removeHandler(self.handler)
        log.setLevel(self.level)
        if self.handler.target:
            self.handler.target.close()
        self.handler.close()
