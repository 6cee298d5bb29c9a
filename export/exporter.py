"""From a run to a folder of exported files that were compared with the Keras model, or to no folder at all."""

import contextlib
import importlib.metadata
import os
import platform
import shlex
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ..trainers.data.example import Source
from ..trainers.data.scan.scanner import checked_source
from ..trainers.data.sources import all_scenes
from ..trainers.data.subset import split_for_selection
from ..trainers.errors import UsageError
from ..trainers.files import write_text
from ..trainers.tasks import CONFIGS
from ..trainers.training.config import read_config, train_command
from ..trainers.training.run_folder import read_run, versions
from .card import CARD_NAME, ModelCard, write_card
from .formats import saved_model, tflite
from .parity import limits as parity
from .readme import readme
from .runners.runner import KerasRunner, SavedModelRunner, TFLiteRunner, default_threads
from .tasks.base import TASKS, ExportTask, alternatives

FORMATS = ("savedmodel", "tflite")
SAVED_MODEL = "saved_model"
REPRESENTATIVE_PICTURES = 128
_UNSTATED_TERMS = "Not stated: ask whoever owns the training data before passing the model on."
_SCENES_TERMS = "Made-up pictures drawn by metricfit itself: no terms."


def export_run(
    run,
    to,
    *,
    formats=FORMATS,
    quantize=("none", "int8"),
    data: str | None = None,
    val: str | None = None,
    tests=(),
    name: str | None = None,
    data_terms: str = "",
    limits: str = "",
    overwrite: bool = False,
    quiet: bool = False,
    seed: int = 0,
) -> list[Path]:
    """Export a model as SavedModel and TFLite, with a card of what every file achieves.

    Every exported file is run on the validation data by the runner that users run it with, and compared with the Keras
    model. When one does not agree, or anything else fails, nothing is left behind.

    Args:
        run: a run folder, or a .keras file (then give `data`).
        to: the folder to make.
        formats: some of `FORMATS`.
        quantize: the TFLite variants: some of `none`, `float16`, `dynamic`, `int8`.
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

    Returns:
        The card, the README and the exported files.

    Raises:
        UsageError: options that do not fit together, no model there, or something in the way.
        DataError: data or a model that cannot be read.
        MetricfitError: a conversion failed, or a converted file disagrees with the Keras model.
    """
    run, to = Path(run), Path(to)
    formats, quantize = tuple(dict.fromkeys(formats)), tuple(dict.fromkeys(quantize))
    _check_choices(formats, quantize)
    _check_target(to, overwrite)
    model_file, settings = _open_run(run, data)
    config = settings["config"]
    model, task = saved_model.load_keras(model_file)
    if settings["task"] not in (None, task.name):
        raise UsageError(f"{model_file} is a {task.name} model in a {settings['task']} run: train again")
    # What the run held out stays held out, also when other data calibrate.
    source_text, held_out = data or config["data"], config["data"]
    val_text = val or config.get("val")
    training, validation = _sources(task, source_text, held_out, val_text, config, quiet)
    test_sources = {test: checked_source(test, **_source_options(task, config, quiet)) for test in tests}

    with (
        _built_beside(to) as folder,
        tqdm(total=3, desc="export", unit="step", disable=quiet or None, leave=False) as bar,
    ):
        bar.set_description("export: converting")
        reference = KerasRunner(model, model_file, task)
        variants = _write_files(reference, task, folder, formats, quantize, training, seed, quiet)
        bar.update()
        bar.set_description("export: comparing")
        runners = {file: _runner(folder / file, variant) for file, variant in variants.items()}
        expected, measured = task.compare(reference, runners, validation, config, quiet)
        differences = {file: task.check(file, variant, expected, measured[file]) for file, variant in variants.items()}
        tested = {
            test: (len(source), task.compare(reference, runners, source, config, quiet)[1])
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
                "representative_images": _representatives(training, quantize),
            },
            data_terms=data_terms or (_SCENES_TERMS if all_scenes(source_text) else _UNSTATED_TERMS),
            limits=limits,
            command=_command(
                task,
                run,
                to,
                formats,
                quantize,
                overwrite,
                seed,
                data=data,
                val=val,
                test=tests,
                name=name,
                data_terms=data_terms,
                limits=limits,
            ),
            machine=f"{platform.system()} {platform.machine()}, {default_threads()} threads",
            config=config,
            versions={**settings.get("versions", {}), **_export_versions()},
            files={
                file: {
                    "kind": runners[file].kind,
                    "variant": variant,
                    **_describe(folder / file, task),
                    "metrics": measured[file].metrics,
                    "thresholds": measured[file].thresholds,
                    "parity": differences[file],
                    "latency_ms": parity.latency_ms(runners[file], picture),
                    "tests": {
                        test: {
                            "images": images,
                            "metrics": found[file].metrics,
                            "thresholds": found[file].thresholds,
                        }
                        for test, (images, found) in tested.items()
                    },
                }
                for file, variant in variants.items()
            },
        )
        write_card(card, folder)
        write_text(folder / "README.md", readme(card))
        bar.update()
    return [to / CARD_NAME, to / "README.md", *(to / file for file in variants)]


def representative_pictures(
    source: Source, fit: Callable, *, count: int = REPRESENTATIVE_PICTURES, seed: int = 0, quiet: bool = False
) -> tuple[np.ndarray, list[str]]:
    """Choose training pictures to measure int8's ranges on.

    Args:
        source: the training data, without what is held out of them.
        fit: from a picture uint8 [H, W, 3] to the network's input uint8 [S, S, 3], as in training.
        count: how many pictures at most.
        seed: of the choice.
        quiet: no progress bar.

    Returns:
        uint8 [n, S, S, 3], and their names.
    """
    chosen = np.random.default_rng(seed).permutation(len(source))[:count]
    bar = tqdm(chosen, desc="representative pictures", unit="image", disable=quiet or None, leave=False, delay=1)
    return np.stack([fit(source.load(int(index)).image) for index in bar]), [source.names[index] for index in chosen]


def _write_files(
    reference: KerasRunner, task: ExportTask, folder: Path, formats, quantize, training, seed, quiet
) -> dict[str, str]:
    """Write the exported files; gives the variant of each by its name."""
    variants = {}
    if "savedmodel" in formats:
        saved_model.write_saved_model(reference.model, folder / SAVED_MODEL, task)
        variants[SAVED_MODEL] = SAVED_MODEL
    if "tflite" in formats:
        pictures = None
        if _representatives(training, quantize):
            pictures = representative_pictures(training, reference.fit, seed=seed, quiet=quiet)[0]
        for variant, file in tflite.convert(reference.model, folder, quantize, pictures, task=task).items():
            variants[file.name] = variant
    return variants


def _representatives(training: Source, quantize) -> int:
    """How many training pictures the conversions measure on."""
    return min(REPRESENTATIVE_PICTURES, len(training)) if {"float16", "int8"} & set(quantize) else 0


def _runner(path: Path, variant: str):
    return SavedModelRunner(path) if variant == SAVED_MODEL else TFLiteRunner(path)


def _describe(path: Path, task: ExportTask) -> dict:
    return saved_model.describe_saved_model(path, task) if path.is_dir() else tflite.describe_tflite(path, task)


def _check_choices(formats, quantize) -> None:
    for chosen, choices, flag in ((formats, FORMATS, "--formats"), (quantize, tflite.VARIANTS, "--quantize")):
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


def _open_run(run: Path, data: str | None) -> tuple[Path, dict]:
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


def _sources(
    task: ExportTask, data: str, held_out: str, val: str | None, config: dict, quiet: bool
) -> tuple[Source, Source]:
    """The pictures to calibrate on, and those to compare and measure on."""
    options = _source_options(task, config, quiet)
    training = checked_source(data, **options)
    if val:
        return training, checked_source(val, **options)
    if held_out == data:
        return split_for_selection(training)
    return training, split_for_selection(checked_source(held_out, **options))[1]


def _source_options(task: ExportTask, config: dict, quiet: bool) -> dict:
    """What `checked_source` is told besides the source."""
    options = {"needs": task.needs, "skip_bad": bool(config.get("skip_bad")), "quiet": quiet}
    return options | task.source_options(config)


def _export_versions() -> dict[str, str]:
    return {**versions(), "ai-edge-litert": importlib.metadata.version("ai-edge-litert")}


def _command(task, run, to, formats, quantize, overwrite, seed, **values) -> tuple[str, ...]:
    """The command lines; values are those of the flags of their names, one or several, left out where empty."""
    words = ["metricfit", "export", str(run), "--to", str(to), "--formats", *formats]
    words += ["--quantize", *quantize] if "tflite" in formats else []
    for name, value in values.items():
        several = (value,) if isinstance(value, str) else value or ()
        words += [word for one in several if one for word in (f"--{name.replace('_', '-')}", one)]
    words += ["--seed", str(seed)] if seed else []
    words += ["--overwrite"] if overwrite else []
    if not run.is_dir():
        return (shlex.join(words),)
    # A card's `config` is read like a run's, so the card alone repeats the last training.
    train = ["metricfit", "train", task.name, "--config", str(to / CARD_NAME), "--out", str(run)]
    return (*_first_trainings(run), shlex.join(train), shlex.join(words))


def _first_trainings(run: Path) -> list[str]:
    """The command lines of the trainings that a run's first weights come from, the earliest first."""
    init = read_run(run)["config"].get("init")
    if not init:
        return []
    first = Path(init) if Path(init).is_dir() else Path(init).parent
    if not (first / "config.json").is_file():
        return []
    task = read_run(first)["task"]
    command = train_command(task, replace(read_config(first / "config.json", CONFIGS[task]), out=str(first)))
    return [*_first_trainings(first), shlex.join(command)]


@contextlib.contextmanager
def _built_beside(to: Path):
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
