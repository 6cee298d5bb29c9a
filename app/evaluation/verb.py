"""The verb `evaluate`: any model file on any source; table, JSON and figures."""

import contextlib
import logging
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...export.runners.base import Runner
from ...trainers.data.example import Source
from ...trainers.data.pixel_files.coding import FileCoding
from ...trainers.data.scan.scanner import checked_source
from ...trainers.data.shared import shared_examples
from ...trainers.data.sources import names_clips, open_source, split_texts, videos_of
from ...trainers.data.subset import split_for_selection
from ...trainers.errors import MetricfitError, UsageError
from ...trainers.files import write_json
from ...trainers.judge.base import Report
from ...trainers.judge.clips.smoothing import check_keep
from ...trainers.judge.clips.steadiness import SteadinessJudge
from ...trainers.judge.tiles import tiling_of
from ...trainers.judge.views import Views
from ...trainers.metrics.logit_scale import FACTORS
from ...trainers.tasks import CONFIGS, get_task
from ...trainers.training.config import SaliencyConfig
from ...trainers.training.config_files import read_config
from ...trainers.training.run_folder import versions
from ..beam.evaluation import opened_source
from ..beam.runners import check_runner
from ..beam.verbs import evaluate_on_runner
from ..flags import suppression_of
from ..options import EvaluateOptions
from ..predictor import Predictor, load_predictor
from ..reports import made, say
from ..tasks import TASKS as APP_TASKS
from .coding import coding_of, files_of, settings_of
from .finder import finder
from .measurement import Measurement
from .promised import PLAIN, check_model, keep, promise_of, with_pictures
from .uncalibrated import own_thresholds
from .videos import check_no_truth_asked, evaluate_videos

log = logging.getLogger("metricfit")

# Task -> options that say how its data are read.
OF_DATA = {
    "saliency": ("mask_threshold", "resize_masks"),
    "segmentation": ("classes", "ignore", "colours", "resize_masks"),
}
OF_SCORES = {"detection": ("calibration",)}
"""Task -> options that say which of its scores are taken."""
IN_REPORT = ("correlation_bounds", "intervals", "thresholds", "calibration", "carried", "guarantee")
"""Settings of judges of which the report tells."""


@dataclass(frozen=True)
class Evaluation:
    """A model's report on a source, and what metrics.json holds."""

    report: Report
    summary: dict[str, Any]
    runner: Runner

    def write(self, folder: Path) -> list[Path]:
        """Write metrics.json and the figures; gives the files."""
        return [write_json(folder / "metrics.json", self.summary), *self.report.draw(folder)]

    def keep(self) -> list[Path]:
        """Put what is promised into the model's card; gives what was changed, MetricfitError where nothing is."""
        assert self.report.guarantee is not None
        return keep(self.report.guarantee, self.runner, self.summary["data"])


def run(options: EvaluateOptions) -> int:
    """Measure a model and say what was found; gives the exit code."""
    evaluation = evaluate(options)
    paths = evaluation.write(Path(options.out) if options.out else report_folder(options))
    summary, report = evaluation.summary, evaluation.report
    app, label = APP_TASKS[summary["task"]], f"{summary['data']} ({summary['examples']})"
    tables = [] if report.only_steady else [app.tables(label, report)]
    if report.steadiness:
        tables.append(app.steady_tables(label, report.steadiness))
    say("\nwith %s:\n\n%s\n", summary["file"], "\n\n".join(tables))
    if report.guarantee:
        say("%s\n", report.guarantee.statement)
    if report.note:
        say("%s\n", report.note)
    say("%s", made(paths))
    if options.into_card:
        say("%s", made(evaluation.keep()))
    return 0


def evaluate(options: EvaluateOptions) -> Evaluation:
    """Measure a model; writes nothing."""
    if options.runner and options.decision != "argmax":
        raise UsageError(
            f"--decision {options.decision} is of pictures in a row, of which the workers of --runner see parts: leave "
            "one of them out"
        )
    check_runner(options.runner, options.runner_options)
    _check_scale(options.logit_scale)
    promise = promise_of(options)
    if options.intervals < 0:
        raise UsageError(f"--intervals is how often pictures are drawn anew, 0 or more, got {options.intervals}")
    # What is out of range is refused before a model is loaded.
    Views(options.scales, tiling=tiling_of(options.tiles, options.tile_overlap))
    suppression, videos = suppression_of(options), videos_of(options.data)
    _check_smooth(options)
    if videos:
        check_no_truth_asked(options)
    if options.runner and names_clips(options.data):
        raise UsageError("the frames of clips are held against each other, in their order: leave --runner out")
    if names_clips(options.data):
        for name in ("protocol", "logit_scale"):
            if getattr(options, name) != getattr(PLAIN, name):
                flag = name.replace("_", "-")
                raise UsageError(f"how steady masks are is measured by the model's own scores: leave --{flag} out")
    predictor = load_predictor(options.model, trust=options.trust, suppression=suppression)
    runner = predictor.runner
    task = get_task(runner.task)
    _refuse_options_of_others(options, task.name)
    check_model(options, runner, promise)
    if videos:
        steady, frames = evaluate_videos(options, predictor, videos)
        smoothed = {"smooth": options.smooth} if options.smooth else {}
        return Evaluation(steady, _summary(options, predictor, options.data, frames, smoothed, steady), runner)
    files = files_of(options, runner) if task.name in OF_DATA else FileCoding(max_megapixels=options.max_megapixels)
    coding = coding_of(options, runner, files) if task.needs == "labels" else None
    if options.runner:
        source = opened_source(options.data, task.needs, coding, files)  # workers look at its examples
    else:
        source = checked_source(
            options.data, needs=task.needs, skip_bad=options.skip_bad, strict=options.strict, quiet=options.quiet,
            coding=coding, files=files, cache=options.scan_cache,
        )  # fmt: skip
    settings = {name: getattr(options, name) for name in task.judging}
    if options.smooth:
        settings["smooth"] = options.smooth
    if promise:
        settings["guarantee"] = with_pictures(promise, source, runner, settings_of(runner))
    else:
        _say_what_trained(source, settings_of(runner).get("data"))
    if "logit_scale" in settings:
        settings["logit_scale"] = _logit_scale(options, runner)
    if task.judges_shown:
        settings |= _scores_of(options, runner)
    measurement, examples = Measurement(options, predictor, source, files, coding, settings), len(source)
    finding = finder(runner, task, options.scales, calibrated=options.calibration != "none")
    if options.runner:
        report, examples = evaluate_on_runner(measurement)
    else:
        judge = SteadinessJudge(task.needs, runner.class_names, threshold=runner.threshold)
        report = task.evaluate(
            finding, source, batch_size=options.batch_size, label=measurement.label, quiet=options.quiet,
            watch=judge.update, **settings,
        )  # fmt: skip
        report = replace(report, steadiness=judge.result())
    return Evaluation(report, _summary(options, predictor, source.name, examples, settings, report), runner)


def _summary(
    options: EvaluateOptions, predictor: Predictor, data: str, examples: int, settings: dict[str, Any], report: Report
) -> dict[str, Any]:
    """Give what metrics.json holds."""
    suppression = predictor.runner.suppression
    return {
        "model": str(options.model),
        "file": predictor.file,
        "task": predictor.runner.task,
        "data": data,
        "examples": examples,
        **{name: value for name, value in settings.items() if name not in IN_REPORT},
        **({"suppression": suppression.to_dict()} if suppression else {}),
        "versions": versions(),
        **report.to_dict(),
        **({"steadiness": report.steadiness.to_dict()} if report.steadiness else {}),
        **({"guarantee": report.guarantee.to_dict()} if report.guarantee else {}),
    }


def _say_what_trained(source: Source, trained: str | None) -> None:
    """Warn of pictures that are the training's own, as far as its data are on this machine."""
    known = set[str]()
    for part in split_texts(trained) if trained else ():
        with contextlib.suppress(MetricfitError):
            known.update(shared_examples(open_source(part, needs="none"), source))
    if known:
        log.warning(
            "%d of the %d pictures are of the data that the model was trained on: their figures say nothing of others",
            len(known), len(source),
        )  # fmt: skip


def _refuse_options_of_others(options: EvaluateOptions, task: str) -> None:
    defaults, own = EvaluateOptions(model=""), {*get_task(task).judging, *OF_DATA.get(task, ())}
    for other in CONFIGS:
        for name in sorted({*get_task(other).judging, *OF_DATA.get(other, ()), *OF_SCORES.get(other, ())} - own):
            if other != task and getattr(options, name) != getattr(defaults, name):
                raise UsageError(
                    f"--{name.replace('_', '-')} is for {other} models, {options.model} is a {task} model: leave it out"
                )


def _scores_of(options: EvaluateOptions, runner: Runner) -> dict[str, Any]:
    """Give what a judge of a detector is told of its scores: thresholds, curves, and what single one others picked."""
    thresholds, fitted = _thresholds_of(runner), runner.fitted
    picked = None if thresholds is None or runner.promise else runner.threshold
    if fitted is None:
        return {"thresholds": thresholds, "carried": (picked, None)}
    own = fitted.before.get("f1_threshold")
    if options.calibration == "none":
        return {"thresholds": own_thresholds(runner, fitted), "carried": (own, None)}
    several_views = options.flips or options.tiles or tuple(options.scales) != (1.0,)
    if several_views and runner.suppression and not runner.suppression.is_hard:
        # Scores were lowered after they were calibrated: curves undone would not give the network's own.
        return {"thresholds": thresholds, "carried": (picked, None)}
    return {"thresholds": thresholds, "calibration": fitted.calibration, "carried": (picked, own)}


def _thresholds_of(runner: Runner) -> tuple[float, ...] | None:
    """Give what a box of each class must reach to be shown, as card or run say; None where neither does."""
    if runner.threshold_origin == "default":
        return None
    return tuple(runner.thresholds) or (runner.threshold,) * len(runner.class_names)


def report_folder(options: EvaluateOptions) -> Path:
    """Give reports/MODEL/DATA, with what differs from plain measuring behind: no evaluation lands on another."""
    path = Path(options.model).resolve()
    inside = path.suffix in (".keras", ".tflite") or path.name == "saved_model"
    # An export may be called like its run.
    model = f"{path.parent.name}-{path.stem}" if inside else path.name + "-export" * (path / "card.json").is_file()
    data = re.sub(r"[^\w.-]+", "-", options.data).strip("-")
    suffix = "" if options.protocol == "raw" else f"-{options.protocol}"
    suffix += "" if options.logit_scale == "1" else f"-logits-{options.logit_scale}"
    suffix += "" if options.beta2 == 0.3 else f"-beta2-{options.beta2:g}"
    suffix += f"-ignore-{'-'.join(map(str, options.ignore))}" if options.ignore else ""
    suffix += "" if options.scales == (1.0,) else f"-scales-{'-'.join(f'{scale:g}' for scale in options.scales)}"
    suffix += "-flips" * options.flips
    suffix += f"-smooth-{options.smooth:g}" if options.smooth else ""
    suffix += "" if options.decision == "argmax" else f"-decision-{options.decision}"
    suffix += "-uncalibrated" * (options.calibration == "none")
    suffix += f"-tiles-{options.tiles}" if options.tiles else ""
    suffix += f"-overlap-{options.tile_overlap:g}" if options.tile_overlap is not None else ""
    suffix += "".join(f"-{word}" for word in suppression.words) if (suppression := suppression_of(options)) else ""
    suffix += "-guarantee" * (options.guarantee is not None)
    suffix += "-correlation-bounds" * options.correlation_bounds + "-skip-bad" * options.skip_bad
    return Path("reports") / model / (data + suffix)


def _check_smooth(options: EvaluateOptions) -> None:
    check_keep(options.smooth)
    if options.smooth and not (videos_of(options.data) or names_clips(options.data)):
        raise UsageError(
            f"--smooth is of the frames of clips, {options.data} has none: give video:PATH, clips:SOURCE or "
            "views:SOURCE, or leave it out"
        )
    if options.smooth and (options.flips or options.scales != PLAIN.scales):
        raise UsageError("--smooth is of frames that are seen once: leave --scales and --flips out")


def _check_scale(text: str) -> None:
    try:
        fits = text == "best" or 0 < float(text) < float("inf")
    except ValueError:
        fits = False
    if not fits:
        raise UsageError(f"--logit-scale takes a number above 0, or best, got {text}")


def _logit_scale(options: EvaluateOptions, runner: Runner) -> float:
    if options.logit_scale != "best":
        return float(options.logit_scale)
    model = Path(options.model)
    settings = (model.parent if model.suffix == ".keras" else model) / "config.json"
    if not settings.is_file():
        raise UsageError("--logit-scale best needs a run, on whose own held-out data it is picked")
    config = replace(
        read_config(settings, SaliencyConfig),
        batch_size=options.batch_size, beta2=options.beta2, quiet=options.quiet,
    )  # fmt: skip
    task = get_task("saliency")
    source = task.open_source(config.val or config.data, config)
    selection = source if config.val else split_for_selection(source)[1]
    scale, _ = task.best_scale(runner, config, selection)
    say("logit scale %g is best for MeanF on %s", scale, selection.name)
    if scale == max(FACTORS):
        say("that is the largest factor tried: beyond it every pixel is 0 or 1")
    return scale
