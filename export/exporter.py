"""From a run to a folder of exported files that were compared with the Keras model, and agree with it."""

import dataclasses
import logging
import platform
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..trainers.calibration.names import MethodName, TargetName
from ..trainers.data.example import Source
from ..trainers.data.subset import split_for_selection
from ..trainers.errors import MetricfitError, UsageError
from ..trainers.files import write_text
from ..trainers.guarantees.unseen import fingerprints
from ..trainers.models.detector.suppression import suppression_of_flags
from ..trainers.progress import progress
from ..trainers.replacing import bring_back, replaced_folder
from ..trainers.tasks import CONFIGS
from ..trainers.tasks import get_task as get_trained_task
from ..trainers.training.run_folder import read_run
from .calibration_entry import NONE, entry_of
from .candidates import Candidates
from .card import CARD_NAME, ExportResult, ModelCard, write_card
from .formats.registry import FORMATS, QUANTIZATIONS
from .guarantee_entry import entry_of as guarantee_of
from .guarantee_entry import not_kept
from .parity.comparison import calibrated, check, compare
from .promising import known_sources, promise_of, with_calibration_pictures
from .provenance import command_lines, export_versions, first_weights_of, teacher_of, terms_of, unfinished
from .readme import readme
from .runners.keras import KerasRunner
from .runners.load import load_keras
from .runners.tflite import default_threads
from .tasks import TASKS, alternatives

log = logging.getLogger("metricfit")


def export_run(
    run: str | Path,
    to: str | Path,
    *,
    formats: Iterable[str] = tuple(FORMATS),
    quantize: Iterable[str] = ("none", "int8"),
    data: str | None = None,
    val: str | None = None,
    test: Iterable[str] = (),
    mask_threshold: float | None = None,
    resize_masks: bool = False,
    colours: str | None = None,
    max_megapixels: float | None = None,
    calibration: MethodName | None = None,
    calibration_target: TargetName | None = None,
    name: str | None = None,
    data_terms: str = "",
    limits: str = "",
    nms: str | None = None,
    nms_iou: float | None = None,
    nms_sigma: float | None = None,
    nms_per_class: bool = True,
    max_detections: int | None = None,
    guarantee: str | None = None,
    guarantee_data: str | None = None,
    overwrite: bool = False,
    strict: bool = False,
    trust: bool = False,
    quiet: bool = False,
    seed: int = 0,
) -> ExportResult:
    """Export a model, with a card of what every file achieves; arguments as `metricfit export` takes them.

    Every exported file is run on the validation data (`val`, else the run's, else every tenth training example, as
    training holds them out) by the runner that users run it with, and compared with the Keras model. One that does not
    agree, or cannot be made, is left out and logged, and the card names it in `refused`. When that is every file, or
    `strict` is set, or anything else fails, nothing is left behind.

    Raises:
        UsageError: options that do not fit together, no model there, or something in the way.
        DataError: data or a model that cannot be read.
        MetricfitError: the model gives no numbers, or no file passed (with `strict`: not every file).
    """
    run, to, test = Path(run), Path(to), tuple(test)
    formats, quantize = tuple(dict.fromkeys(formats)), tuple(dict.fromkeys(quantize))
    for flag, chosen, choices in (("--formats", formats, tuple(FORMATS)), ("--quantize", quantize, QUANTIZATIONS)):
        if wrong := [one for one in chosen if one not in choices] if chosen else ["none of them"]:
            raise UsageError(f"{flag} takes {', '.join(choices)}, got {wrong[0]}")
    suppression = suppression_of_flags(nms, nms_iou, nms_sigma, nms_per_class, max_detections)
    promise = promise_of(guarantee, guarantee_data)
    bring_back(to)
    if to.exists() and not (to.is_dir() and not any(to.iterdir())):
        if not (to / CARD_NAME).is_file():
            raise UsageError(f"{to} exists and is not an exported model: choose another --to")
        if not overwrite:
            raise UsageError(f"{to} holds an exported model: choose another --to, or replace it with --overwrite")
    model_file, settings = _open_run(run, data)
    config = settings["config"]
    coding = {
        "mask_threshold": mask_threshold, "resize_masks": resize_masks, "colours": colours,
        "max_megapixels": max_megapixels,
    }  # fmt: skip
    reading = config | {flag: value for flag, value in coding.items() if value}
    model, task = load_keras(model_file, trust=trust)
    task = task.suppressing(suppression)
    by = _calibration(task.name, config, calibration, calibration_target)
    if settings["task"] not in (None, task.name):
        raise UsageError(f"{model_file} is a {task.name} model in a {settings['task']} run: train again")
    if wrong := [weight.path for weight in model.weights if not np.isfinite(weight).all()]:
        raise MetricfitError(
            f"{model_file} holds weights that are no numbers ({wrong[0]}): its training went wrong, train again with a "
            "lower --learning-rate"
        )
    warnings = unfinished(model_file.parent, config)
    # What the run held out stays held out, also when other data calibrate.
    source_text, held_out, val_text = data or config["data"], config["data"], val or config.get("val")
    open_source = _opener(task.name, reading, quiet)
    training = open_source(source_text)
    if val_text:
        validation = open_source(val_text)
    elif held_out == source_text:
        training, validation = split_for_selection(training)
    else:
        validation = split_for_selection(open_source(held_out))[1]
    test_sources = {text: open_source(text) for text in test}
    promising = open_source(guarantee_data) if guarantee_data else None
    seen = fingerprints((training, validation))
    if promise and promising:
        others = sorted({config["data"], config.get("val") or ""} - {source_text, val_text, ""})
        known = (training, validation, *known_sources(*others))
        promise = with_calibration_pictures(promise, promising, known, seen)
    command = command_lines(
        task.name, run, to, formats=formats, quantize=quantize, seed=seed,
        data=data, val=val, test=test, **coding, calibration=calibration, calibration_target=calibration_target,
        name=name, data_terms=data_terms, limits=limits, nms=nms, nms_iou=nms_iou, nms_sigma=nms_sigma,
        no_nms_per_class=not nms_per_class, max_detections=max_detections,
        guarantee=guarantee, guarantee_data=guarantee_data,
    )  # fmt: skip

    with (
        replaced_folder(to) as folder,
        progress(total=3, desc="export", unit="step", quiet=quiet, leave=False) as bar,
    ):
        bar.set_description("export: converting")
        reference = KerasRunner(model, model_file, task)
        files = Candidates(folder, formats, quantize, strict=strict, by=by)
        pictures = None
        if files.calibrated:
            pictures = representative_pictures(training, reference.fit, seed=seed, quiet=quiet)[0]
        files.write(model, task, pictures)
        bar.update()
        bar.set_description("export: comparing")
        expected, measured = compare(task, reference, files, validation, config, quiet=quiet, by_picture=True)
        verdicts = {
            file: check(task, file, files.files[file][1], expected, found, seed=seed)
            for file, found in measured.items()
        }
        if expected.warning:
            warnings.append(f"On the validation data {expected.warning}")
        files.refused |= {file: verdict.refusal for file, verdict in verdicts.items() if verdict.refusal}
        files.drop()
        if files.by:
            expected = calibrated(expected, task, files.by)
            measured = {file: calibrated(measured[file], task, files.by) for file in files.runners}
        thresholds = {file: found.thresholds for file, found in measured.items()}
        fitted = {file: found.fitted for file, found in measured.items()}
        files.complete(task, validation, task.keras_facts(model), thresholds, fitted)
        tested = {
            text: compare(task, reference, files, source, config, quiet=quiet)[1]
            for text, source in test_sources.items()
        }
        files.drop()
        promised = {}
        if promise and promising:
            _, by_file = compare(task, reference, files, promising, config, quiet=quiet, guarantee=promise)
            promised = {file: found.guarantee for file, found in by_file.items()}
            files.cut(promised, len(reference.class_names))
            files.drop()
        bar.update()
        bar.set_description("export: timing")
        first = validation.load(0)
        picture = reference.fit(first.image, size=first.size)
        entries: dict[str, Any] = {
            file: {
                "kind": files.files[file][0].kind,
                "variant": files.files[file][1].name,
                **files.files[file][0].describe(runner, task),
                **measured[file].to_dict(),
                "calibration": entry_of(measured[file].fitted),
                "guarantee": guarantee_of(promised.get(file), guarantee_data or ""),
                "parity": verdicts[file].differences,
                "intervals": verdicts[file].intervals,
                "warnings": [*verdicts[file].warnings, *not_kept(promised.get(file))],
                "latency_ms": runner.latency_ms(picture),
                "tests": {
                    text: {"images": len(test_sources[text]), **found[file].to_dict()} for text, found in tested.items()
                },
            }
            for file, runner in files.runners.items()
        }
        card = ModelCard(
            task=task.name,
            name=name or to.resolve().name,
            input_size=reference.size,
            class_names=reference.class_names,
            palette=reference.palette,
            resizing=reference.resizing,
            suppression=task.suppression.to_dict() if task.suppression else {},
            thresholds=expected.thresholds,
            metrics=expected.metrics,
            calibration=entry_of(expected.fitted),
            data={
                "training": source_text,
                "validation": val_text or f"every tenth example of {held_out}, not trained on",
                "training_images": len(training),
                "validation_images": len(validation),
                "representative_images": 0 if pictures is None else len(pictures),
                "first_weights": first_weights_of(config),
                "teacher": teacher_of(config),
                "fingerprints": " ".join(seen),
            },
            data_terms=data_terms or terms_of(source_text),
            limits=limits,
            refused=files.refused,
            warnings=warnings,
            command=command,
            machine=f"{platform.system()} {platform.machine()}, {default_threads()} threads",
            config=config,
            versions={**settings.get("versions", {}), **export_versions()},
            files=entries,
        )
        write_card(card, folder)
        write_text(folder / "README.md", readme(card))
        bar.update()
    for warning in card.warnings:
        log.warning("%s", warning)
    for file, entry in card.files.items():
        for warning in entry["warnings"]:
            log.warning("%s: %s", file, warning)
    for reason in files.refused.values():
        log.error("left out: %s", reason)
    return ExportResult(to, card)


def representative_pictures(
    source: Source, fit: Callable[..., np.ndarray], *, count: int = 128, seed: int = 0, quiet: bool = False
) -> tuple[np.ndarray, list[str]]:
    """Choose `count` training pictures at most to measure int8's ranges on, uint8 [n, S, S, 3], and their names."""
    chosen = np.random.default_rng(seed).permutation(len(source))[:count]
    bar = progress(chosen, desc="representative pictures", unit="image", quiet=quiet, leave=False, delay=1)
    examples = (source.load(int(index)) for index in bar)
    return np.stack([fit(one.image, size=one.size) for one in examples]), [source.names[index] for index in chosen]


def _open_run(run: Path, data: str | None) -> tuple[Path, dict[str, Any]]:
    """The model's file and its run's settings; a .keras file alone has none but the data given."""
    is_file = run.suffix == ".keras" and run.is_file()
    if not is_file and not run.is_dir():
        raise UsageError(f"no trained model at {run}: give a run folder that holds model.keras, or a .keras file")
    folder, file = (run.parent, run) if is_file else (run, run / "model.keras")
    if is_file and not (folder / "config.json").is_file():
        if not data:
            raise UsageError(f"{run} does not say what it was trained on: name the training data with --data")
        return file, {"task": None, "config": {"data": data}}
    settings = read_run(folder)
    if not file.is_file():
        raise UsageError(f"{run} has no model.keras: train it to the end of its first epoch")
    if settings["task"] not in (None, *TASKS):
        raise UsageError(f"{run} is a {settings['task']} run: expected a {alternatives()} run")
    return file, settings


def _calibration(task: str, config: dict[str, Any], method: str | None, target: str | None) -> tuple[str, str] | None:
    """Give by what method and to what target scores are calibrated, by default as in the training; None for not."""
    if not TASKS[task].calibrates:
        if method or target:
            raise UsageError(f"--calibration is for detectors, this is a {task} model: leave it out")
        return None
    if method == NONE and target:
        raise UsageError("--calibration-target is of calibrated scores: leave it out, or --calibration none")
    method = method or config.get("calibration") or "isotonic"
    return None if method == NONE else (method, target or config.get("calibration_target") or "precision")


def _opener(name: str, config: dict[str, Any], quiet: bool) -> Callable[[str], Source]:
    """Give what opens and scans sources as the training did."""
    task, settings = get_trained_task(name), CONFIGS[name]
    names = {field.name for field in dataclasses.fields(settings)} & set(config)
    known: dict[str, Any] = {
        name: tuple(config[name]) if isinstance(config[name], list) else config[name] for name in names
    }
    trained = settings(**known | {"quiet": quiet, "strict": False})
    return lambda text: task.open_source(text, config=trained)
