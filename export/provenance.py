"""What a card says about where its model comes from: the command lines, the terms of the data, the versions."""

import importlib.metadata
import os
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..trainers.data.sources import all_scenes
from ..trainers.models.backbones.weights import IMAGENET_PACKAGES, IMAGENET_TERMS
from ..trainers.tasks import CONFIGS
from ..trainers.tasks.first_model import card_of, settings_of
from ..trainers.training.config_files import read_config
from ..trainers.training.reporting.history import read_history
from ..trainers.training.run_folder import read_run, versions
from ..trainers.training.words import train_command
from .card import CARD_NAME
from .formats.registry import FORMATS


def terms_of(data: str) -> str:
    """Give the terms of training data about which the user says nothing."""
    if all_scenes(data):
        return "Made-up pictures drawn by metricfit itself: no terms."
    return "Not stated: ask whoever owns the training data before passing the model on."


def unfinished(folder: Path, config: Mapping[str, Any]) -> list[str]:
    """Say in a sentence that a training is not at its end, and by itself would not have stopped; else nothing."""
    if not (folder / "config.json").is_file():
        return []
    done, planned = len(read_history(folder / "history.csv")), config.get("epochs")
    stops = config.get("minutes") or config.get("patience")
    if (folder / "metrics.json").is_file() and (stops or not done or done >= (planned or 0)):
        return []
    epochs = f"{done} of {planned} epochs" if done and done < (planned or 0) else "it was not measured"
    return [f"The training in {folder} is not finished ({epochs}): the model is the best one so far"]


def first_weights_of(config: Mapping[str, Any]) -> str:
    """Say where a training's first weights come from, and by which terms; empty where they were random."""
    if init := config.get("init"):
        if card := card_of(init):
            return f"{init}: {card['data_terms']}"
        before = first_weights_of(settings_of(init))
        return f"{init}" + (f", which began with {before}" if before else "")
    if config.get("weights") == "imagenet":
        return f"ImageNet's, of the package {IMAGENET_PACKAGES.get(config.get('backbone', ''), '')} ({IMAGENET_TERMS})"
    return "" if config.get("weights") in (None, "none", "auto") else str(config["weights"])


def teacher_of(config: Mapping[str, Any]) -> str:
    """Say which model taught a training, and by which terms it is known to stand; empty where none did."""
    if not (teacher := config.get("teacher")):
        return ""
    card = card_of(teacher)
    return f"{teacher}: {card['data_terms']}" if card else str(teacher)


def export_versions() -> dict[str, str]:
    """Give the versions of the libraries, those that the formats are made with too."""
    packages = {package for known in FORMATS.values() for package in known.packages}
    return {**versions(), **{package: importlib.metadata.version(package) for package in sorted(packages)}}


def command_lines(
    task: str,
    run: Path,
    to: Path,
    *,
    formats: Iterable[str],
    quantize: Iterable[str],
    seed: int,
    **values: str | float | Iterable[str] | None,
) -> tuple[str, ...]:
    """Give the command lines that make an exported model, the earliest training first; empty `values` are left out.

    They run from the exported folder: the first goes to where all paths are meant, and the last writes it anew.
    """
    words = ["metricfit", "export", str(run), "--to", str(to), "--formats", *formats]
    words += ["--quantize", *quantize] if any(FORMATS[name].quantized for name in formats) else []
    for name, value in values.items():
        flag = f"--{name.replace('_', '-')}"
        several = (value,) if isinstance(value, str | int | float) else value or ()
        words += [word for one in several if _is_told(one) for word in ((flag,) if one is True else (flag, str(one)))]
    words += ["--seed", str(seed)] if seed else []
    words.append("--overwrite")
    go = shlex.join(["cd", os.path.relpath(Path.cwd(), to.resolve())])
    if not run.is_dir():
        return go, shlex.join(words)
    # A card's `config` is read like a run's, so the card alone repeats the last training.
    train = ["metricfit", "train", task, "--config", str(to / CARD_NAME), "--out", str(run)]
    return (go, *dict.fromkeys(_first_trainings(run)), shlex.join(train), shlex.join(words))


def _is_told(value: str | float | None) -> bool:
    """Whether a flag is in a command: 0 is a value, False is none."""
    return value is not None and value is not False and value != ""


def _first_trainings(run: Path) -> list[str]:
    """The command lines of the trainings that a run's first weights and its teacher come from."""
    config, lines = read_run(run)["config"], list[str]()
    for named in (config.get("init"), config.get("teacher")):
        if not named or card_of(named):  # which says how that model was made
            continue
        first = Path(named) if Path(named).is_dir() else Path(named).parent
        if (first / "config.json").is_file():
            task = read_run(first)["task"]
            command = train_command(task, replace(read_config(first / "config.json", CONFIGS[task]), out=str(first)))
            lines += [*_first_trainings(first), shlex.join(command)]
    return lines
