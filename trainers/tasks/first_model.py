"""The trained model that a training starts from: of a run, a .keras file, or an exported or shipped model."""

import json
import logging
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from ...saved_models import shipped_models
from ..data.example import Source
from ..data.fit import fit_image
from ..errors import DataError, UsageError
from ..files import check_sha256
from ..geometry import input_size, size_text
from ..judge.base import evenly_spread
from ..models.read_back import read_back
from ..models.registry import MODELS, serving
from ..replacing import is_there
from ..training.config import CONFIGS, RunConfig
from ..training.filling import filled
from ..training.run_folder import read_run
from ..training.saved import load_model
from ..training.words import flag_words

log = logging.getLogger("metricfit")

MEASURED = 32  # pictures, on which the normalisations of what is read back are measured
_READ_FIRST = ("none", "float16", "dynamic", "int8")  # of several .tflite files, by what they have kept


def first_model(
    init: str, tasks: Iterable[str], training: Source, *, trust: bool = False, flag: str = "--init"
) -> keras.Model:
    """Load what `--init`, or another `flag`, names; UsageError where it is no model of one of these tasks.

    The weights of an exported model are read back from its .tflite file. Its normalisations are measured on training
    pictures, so that the model finds what the file finds, and goes on training. `trust` lets a .keras file hold code.
    """
    path = find_model(init, flag)
    known, tasks = _described(path), tuple(tasks)
    if known and known["task"] not in tasks:
        raise UsageError(f"{flag} {init} is a {known['task']} model: give a {' or '.join(tasks)} model")
    if "files" not in known:
        return load_model(path, trust=trust)
    return _read_back(path, known, training, flag)


def settings_of(init: str) -> Mapping[str, Any]:
    """Give the settings of the training behind what `--init` names; empty where nothing says them."""
    path = _find(init)
    return {} if path is None else _described(path).get("config", {})


def advice(config: RunConfig, task: str, network: Iterable[str]) -> str:
    """Say what gives the network of what `--init` names, of which `network` lists the flags, as far as it is known."""
    init, flags = config.init or "", {flag.replace("-", "_"): flag for flag in network}
    known = settings_of(init)
    there = {name: value for name, value in known.items() if name in flags}
    if "model" in there and there["model"] not in serving(task):
        return f"give one of --model {getattr(config, 'model', '')}, as no {task} model is a {there['model']}"
    # What is not said there was as by default.
    meant = filled(type(config), there, init) if there else config
    both = {flag: (getattr(meant, name), getattr(config, name)) for name, flag in flags.items()}
    other = {flag: value for flag, (value, here) in both.items() if value != here}
    given = [word for flag, value in other.items() if value is not None for word in flag_words(flag, value)]
    left_out = [f"--{flag}" for flag, value in other.items() if value is None]
    parts = [f"use {' '.join(given)}"] * bool(given) + [f"leave out {' and '.join(left_out)}"] * bool(left_out)
    if not parts and there and "size" in known:
        size = filled(type(config), {"size": known["size"]}, init).size
        if size != config.size:
            return f"use --size {size_text(size)}, for which some of its layers are made"
    return " and ".join(parts) or f"use the same --{' and --'.join(flags.values())} as there"


def card_of(init: str) -> Mapping[str, Any]:
    """Give the card of an exported model that `--init` names; empty for another model, or none."""
    path = _find(init)
    known = {} if path is None else _described(path)
    return known if "files" in known else {}


def find_model(init: str, flag: str = "--init") -> Path:
    """Find what `--init`, or another `flag`, names; UsageError where nothing is there."""
    path = _find(init)
    if path is None:
        raise UsageError(
            f"no trained model at {init}: {flag} takes a run folder, a .keras file, an exported model's folder or one "
            f"that ships with the program ({', '.join(shipped_models())})"
        )
    return path


def _find(init: str) -> Path | None:
    return Path(init) if is_there(init) else shipped_models().get(init)


def _described(path: Path) -> dict[str, Any]:
    """The card of an exported model, or what a run's config.json says; empty where neither is there."""
    folder = path if path.is_dir() else path.parent
    if (folder / "card.json").is_file() and path.suffix != ".keras":
        try:
            return dict(json.loads((folder / "card.json").read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise DataError(f"{folder}/card.json cannot be read ({error}): export the model again") from error
    return read_run(folder) if (folder / "config.json").is_file() else {}


def _read_back(path: Path, card: dict[str, Any], training: Source, flag: str) -> keras.Model:
    folder = path if path.is_dir() else path.parent
    variants = {entry["variant"]: name for name, entry in card["files"].items() if entry["kind"] == "tflite"}
    files = [folder / variants[name] for name in _READ_FIRST if name in variants]
    file = path if path.suffix == ".tflite" else next((one for one in files if one.is_file()), None)
    if file is None:
        raise UsageError(f"{flag} {path} has no .tflite file to read weights from: give the run that it was made of")
    if file.name in card["files"]:
        check_sha256(file, card["files"][file.name]["sha256"])
    size, resizing, task = input_size(card["input_size"]), card.get("resizing", "stretch"), card["task"]
    settings = filled(CONFIGS[task], card["config"], str(folder / "card.json"))
    settings = replace(settings, weights="none", size=size)
    classes = {} if task == "saliency" else {"class_names": tuple(card["class_names"])}
    model = MODELS[getattr(settings, "model", next(iter(serving(task))))].build(settings, **classes)
    places = evenly_spread(len(training), MEASURED)
    examples = map(training.load, places)
    pictures = np.stack([fit_image(one.image, size, resizing, one.size) for one in examples])
    try:
        read_back(model, file.read_bytes(), pictures)
    except ValueError as error:
        raise UsageError(
            f"the weights of {file} cannot be read back ({error}): give {flag} the run that it was made of"
        ) from error
    log.info(
        "%s: those of %s, trained at %s pixels; terms of what it was trained on: %s",
        "first weights" if flag == "--init" else "weights of the teacher", file, size_text(size), card["data_terms"],
    )  # fmt: skip
    return model
