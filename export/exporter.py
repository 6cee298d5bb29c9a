"""From a run to a folder of exported files that were compared with the Keras model, or to no folder at all."""

import contextlib
import dataclasses
import functools
import os
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..trainers.data.example import Source
from ..trainers.data.subset import split_for_selection
from ..trainers.errors import UsageError
from ..trainers.files import write_text
from ..trainers.tasks import CONFIGS
from ..trainers.tasks import get_task as get_trained_task
from ..trainers.training.run_folder import read_run
from .card import CARD_NAME, ModelCard, write_card
from .formats.registry import FORMATS, QUANTIZATIONS
from .parity.comparison import check, compare
from .provenance import command_lines, export_versions, terms_of
from .readme import readme
from .result import ExportResult
from .runners.keras import KerasRunner
from .runners.load import load_keras
from .runners.tflite import default_threads
from .tasks import TASKS, alternatives

REPRESENTATIVE_PICTURES = 128


def export_run(
    run: str | Path,
    to: str | Path,
    *,
    formats: Iterable[str] = tuple(FORMATS),
    quantize: Iterable[str] = ("none", "int8"),
    data: str | None = None,
    val: str | None = None,
    tests: Iterable[str] = (),
    name: str | None = None,
    data_terms: str = "",
    limits: str = "",
    overwrite: bool = False,
    quiet: bool = False,
    seed: int = 0,
) -> ExportResult:
    """Export a model, with a card of what every file achieves.

    Every exported file is run on the validation data by the runner that users run it with, and compared with the Keras
    model. When one does not agree, or anything else fails, nothing is left behind.

    Args:
        run: a run folder, or a .keras file (then give `data`).
        to: the folder to make.
        formats: some of `FORMATS`.
        quantize: the variants of formats that have several: some of `QUANTIZATIONS`.
        data: the training data; by default the run's.
        val: data to compare and measure on, with masks, labels or boxes as its task needs; by default the run's, or
            else every tenth training example, as training holds them out.
        tests: sources of further data, by which nothing was chosen, to measure every file on.
        name: the model's name in its card; by default the folder's.
        data_terms: the terms of the training data, for the card.
        limits: what the model is not made for, for the card.
        overwrite: replace an exported model at `to`.
        quiet: no progress bars.
        seed: of the choice of pictures that int8's ranges, and what float16 may round, are measured on.

    Raises:
        UsageError: options that do not fit together, no model there, or something in the way.
        DataError: data or a model that cannot be read.
        MetricfitError: a conversion failed, or a converted file disagrees with the Keras model.
    """
    run, to, tests = Path(run), Path(to), tuple(tests)
    formats, quantize = tuple(dict.fromkeys(formats)), tuple(dict.fromkeys(quantize))
    _check_choices("--formats", formats, tuple(FORMATS))
    _check_choices("--quantize", quantize, QUANTIZATIONS)
    _check_target(to, overwrite)
    model_file, settings = _open_run(run, data)
    config = settings["config"]
    model, task = load_keras(model_file)
    if settings["task"] not in (None, task.name):
        raise UsageError(f"{model_file} is a {task.name} model in a {settings['task']} run: train again")
    # What the run held out stays held out, also when other data calibrate.
    source_text, held_out = data or config["data"], config["data"]
    val_text = val or config.get("val")
    open_source = _opener(task.name, config, quiet)
    training, validation = _sources(open_source, source_text, held_out, val_text)
    test_sources = {test: open_source(test) for test in tests}
    command = command_lines(
        task.name, run, to, formats=formats, quantize=quantize, seed=seed, overwrite=overwrite,
        data=data, val=val, test=tests, name=name, data_terms=data_terms, limits=limits,
    )  # fmt: skip

    with (
        _built_beside(to) as folder,
        tqdm(total=3, desc="export", unit="step", disable=quiet or None, leave=False) as bar,
    ):
        bar.set_description("export: converting")
        reference = KerasRunner(model, model_file, task)
        chosen = [(FORMATS[name], FORMATS[name].chosen(quantize)) for name in formats]
        pictures = None
        if any(variant.calibrated for _, variants in chosen for variant in variants):
            pictures = representative_pictures(training, reference.fit, seed=seed, quiet=quiet)[0]
        for known, variants in chosen:
            known.write(model, folder, variants, task, pictures)
        files = {variant.file: (known, variant) for known, variants in chosen for variant in variants}
        bar.update()
        bar.set_description("export: comparing")
        runners = {file: known.open(folder / file) for file, (known, _) in files.items()}
        expected, measured = compare(task, reference, runners, validation, config, quiet=quiet)
        parity = {file: check(task, file, files[file][1], expected, measured[file]) for file in files}
        tested = {
            test: (len(source), compare(task, reference, runners, source, config, quiet=quiet)[1])
            for test, source in test_sources.items()
        }
        bar.update()
        bar.set_description("export: timing")
        picture = reference.fit(validation.load(0).image)
        card = ModelCard(
            task=task.name,
            name=name or to.resolve().name,
            input_size=reference.size,
            class_names=reference.class_names,
            palette=reference.palette,
            resizing=reference.resizing,
            thresholds=expected.thresholds,
            metrics=expected.metrics,
            data={
                "training": source_text,
                "validation": val_text or f"every tenth example of {held_out}, not trained on",
                "training_images": len(training),
                "validation_images": len(validation),
                "representative_images": 0 if pictures is None else len(pictures),
            },
            data_terms=data_terms or terms_of(source_text),
            limits=limits,
            command=command,
            machine=f"{platform.system()} {platform.machine()}, {default_threads()} threads",
            config=config,
            versions={**settings.get("versions", {}), **export_versions()},
            files={
                file: {
                    "kind": known.kind,
                    "variant": variant.name,
                    **known.describe(folder / file, task),
                    **measured[file].to_dict(),
                    "parity": parity[file],
                    "latency_ms": runners[file].latency_ms(picture),
                    "tests": {
                        test: {"images": images, **found[file].to_dict()} for test, (images, found) in tested.items()
                    },
                }
                for file, (known, variant) in files.items()
            },
        )
        write_card(card, folder)
        write_text(folder / "README.md", readme(card))
        bar.update()
    return ExportResult(to, card)


def representative_pictures(
    source: Source,
    fit: Callable[[np.ndarray], np.ndarray],
    *,
    count: int = REPRESENTATIVE_PICTURES,
    seed: int = 0,
    quiet: bool = False,
) -> tuple[np.ndarray, list[str]]:
    """Choose pictures of the training data, `count` at most, to measure int8's ranges on.

    Args:
        fit: from a picture uint8 [H, W, 3] to the network's input uint8 [S, S, 3], as in training.

    Returns:
        uint8 [n, S, S, 3], and their names.
    """
    chosen = np.random.default_rng(seed).permutation(len(source))[:count]
    bar = tqdm(chosen, desc="representative pictures", unit="image", disable=quiet or None, leave=False, delay=1)
    return np.stack([fit(source.load(int(index)).image) for index in bar]), [source.names[index] for index in chosen]


def _check_choices(flag: str, chosen: tuple[str, ...], choices: tuple[str, ...]) -> None:
    unknown = [one for one in chosen if one not in choices]
    if unknown or not chosen:
        found = unknown[0] if unknown else "none of them"
        raise UsageError(f"{flag} takes {', '.join(choices)}, got {found}")


def _check_target(to: Path, overwrite: bool) -> None:
    if not to.exists() or (to.is_dir() and not any(to.iterdir())):
        return
    if not (to / CARD_NAME).is_file():
        raise UsageError(f"{to} exists and is not an exported model: choose another --to")
    if not overwrite:
        raise UsageError(f"{to} holds an exported model: choose another --to, or replace it with --overwrite")


def _open_run(run: Path, data: str | None) -> tuple[Path, dict[str, Any]]:
    """The model's file and its run's settings; a .keras file alone has none but the data given."""
    if run.suffix == ".keras" and run.is_file():
        if (run.parent / "config.json").is_file():
            settings = read_run(run.parent)
        elif data:
            settings = {"task": None, "config": {"data": data}}
        else:
            raise UsageError(f"{run} does not say what it was trained on: name the training data with --data")
        file = run
    elif run.is_dir():
        settings, file = read_run(run), run / "model.keras"
        if not file.is_file():
            raise UsageError(f"{run} has no model.keras: train it to the end of its first epoch")
    else:
        raise UsageError(f"no trained model at {run}: give a run folder that holds model.keras, or a .keras file")
    if settings["task"] not in (None, *TASKS):
        raise UsageError(f"{run} is a {settings['task']} run: expected a {alternatives()} run")
    return file, settings


def _opener(name: str, config: dict[str, Any], quiet: bool) -> Callable[[str], Source]:
    """Give what opens and scans sources as the training did."""
    task, settings = get_trained_task(name), CONFIGS[name]
    given = {field.name: config[field.name] for field in dataclasses.fields(settings) if field.name in config}
    known: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in given.items()}
    return functools.partial(task.open_source, config=settings(**known | {"quiet": quiet, "strict": False}))


def _sources(open_source: Callable[[str], Source], data: str, held_out: str, val: str | None) -> tuple[Source, Source]:
    """The pictures to calibrate on, and those to compare and measure on."""
    training = open_source(data)
    if val:
        return training, open_source(val)
    if held_out == data:
        return split_for_selection(training)
    return training, split_for_selection(open_source(held_out))[1]


@contextlib.contextmanager
def _built_beside(to: Path) -> Iterator[Path]:
    """Give a folder beside `to` that becomes `to` when the block ends without an error, and vanishes otherwise."""
    to.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{to.name}.", dir=to.parent))
    old = folder.with_name(folder.name + ".old")
    try:
        yield folder
        # mkdtemp's folder is for its owner only; an exported model is as readable as any other folder.
        folder.chmod(0o777 & ~_umask())
        if to.exists():
            os.replace(to, old)
        os.replace(folder, to)
    except BaseException:
        if old.exists():
            os.replace(old, to)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
