"""The verb `evaluate`: any model file on any source; table, JSON and figures."""

import logging
import re
from pathlib import Path

from ..trainers.data.example import Source
from ..trainers.data.scan.boxes import refuse_without_boxes
from ..trainers.data.scan.scanner import checked_source
from ..trainers.data.subset import split_for_selection
from ..trainers.errors import UsageError
from ..trainers.files import write_json
from ..trainers.judge import boxes as detection_report
from ..trainers.judge import classes as segmentation_report
from ..trainers.judge.views import Views
from ..trainers.metrics import best_logit_scale
from ..trainers.metrics.catalogue import metrics_of
from ..trainers.metrics.logit_scale import FACTORS
from ..trainers.tasks import saliency
from ..trainers.training.config import SaliencyConfig, read_config
from ..trainers.training.run_folder import versions
from .coding import coding_of
from .options import EvaluateOptions
from .predictor import load_predictor
from .reports import SALIENCY, detection_tables, made, segmentation_tables, table

log = logging.getLogger("metricfit")

OPTIONS_OF = {
    "saliency": ("protocol", "beta2", "logit_scale"),
    "segmentation": ("classes", "ignore", "scales", "flips"),
    "detection": ("correlation_bounds",),
}
"""Task -> the options that no other task has."""


def run(options: EvaluateOptions) -> int:
    """Measure a model; gives the exit code."""
    _check_scale(options.logit_scale)
    Views(options.scales)  # refuses scales before a model is loaded
    runner = load_predictor(options.model).runner
    _refuse_options_of_others(options, runner.task)
    needs, evaluate = {
        "saliency": ("mask", _saliency),
        "segmentation": ("labels", _segmentation),
        "detection": ("boxes", _detection),
    }[runner.task]
    source = checked_source(
        options.data,
        needs=needs,
        skip_bad=options.skip_bad,
        strict=options.strict,
        quiet=options.quiet,
        coding=coding_of(options, runner) if needs == "labels" else None,
    )
    report, settings, text = evaluate(options, runner, source)
    folder = Path(options.out) if options.out else report_folder(options)
    summary = {
        "model": str(options.model),
        "task": runner.task,
        "data": source.name,
        "examples": len(source),
        **settings,
        "versions": versions(),
        **report.to_dict(),
    }
    log.info("\n%s\n", text)
    paths = [write_json(folder / "metrics.json", summary), *report.draw(folder)]
    log.info("%s", made(paths))
    return 0


def _saliency(options: EvaluateOptions, runner, source: Source):
    """Give the report, what was set, and the table."""
    scale = _logit_scale(options, runner)
    report = saliency.evaluate(
        runner,
        source,
        size=runner.size,
        batch_size=options.batch_size,
        beta2=options.beta2,
        protocol=options.protocol,
        logit_scale=scale,
        label=Path(options.model).name,
        quiet=options.quiet,
    )
    settings = {"protocol": options.protocol, "beta2": options.beta2, "logit_scale": scale}
    return report, settings, table([(_row(source), report.scalars)], metrics_of(*SALIENCY))


def _segmentation(options: EvaluateOptions, runner, source: Source):
    """Give the report, what was set, and the tables."""
    report = segmentation_report.measure(
        _predict_at(options, runner),
        source,
        size=runner.size,
        resizing=runner.resizing,
        class_names=runner.class_names,
        batch_size=options.batch_size,
        views=Views(options.scales, options.flips),
        label=Path(options.model).name,
        quiet=options.quiet,
    )
    settings = {"scales": list(options.scales), "flips": options.flips}
    return report, settings, segmentation_tables(_row(source), report)


def _predict_at(options: EvaluateOptions, runner):
    """Give the function that scores pictures: an exported file has one size, a Keras model is built for each scale."""
    if tuple(options.scales) == (1.0,):
        return runner
    if runner.kind != "keras":
        raise UsageError(
            f"--scales {' '.join(f'{scale:g}' for scale in options.scales)} needs a Keras model, {options.model} has "
            "one size alone: give the run folder, or leave --scales out"
        )
    from ..trainers.tasks.segmentation import predictor

    return predictor(runner.model)


def _detection(options: EvaluateOptions, runner, source: Source):
    """Give the report, what was set, and the tables."""
    refuse_without_boxes(source)
    report = detection_report.measure(
        runner,
        source,
        size=runner.size,
        resizing=runner.resizing,
        class_names=runner.class_names,
        batch_size=options.batch_size,
        label=Path(options.model).name,
        quiet=options.quiet,
        correlation_bounds=options.correlation_bounds,
    )
    return report, {}, detection_tables(_row(source), report)


def _row(source: Source) -> str:
    return f"{source.name} ({len(source)})"


def _refuse_options_of_others(options: EvaluateOptions, task: str) -> None:
    defaults = EvaluateOptions(model="")
    for other, names in OPTIONS_OF.items():
        for name in names:
            if other != task and getattr(options, name) != getattr(defaults, name):
                raise UsageError(
                    f"--{name.replace('_', '-')} is for {other} models, {options.model} is a {task} model: leave it out"
                )


def report_folder(options: EvaluateOptions) -> Path:
    """Give reports/MODEL/DATA, with what differs from plain measuring behind: no evaluation lands on another."""
    path = Path(options.model).resolve()
    inside = path.suffix in (".keras", ".tflite") or path.name == "saved_model"
    model = f"{path.parent.name}-{path.stem}" if inside else path.name
    data = re.sub(r"[^\w.-]+", "-", options.data).strip("-")
    suffix = "" if options.protocol == "raw" else f"-{options.protocol}"
    suffix += "" if options.logit_scale == "1" else f"-logits-{options.logit_scale}"
    suffix += "" if options.beta2 == 0.3 else f"-beta2-{options.beta2:g}"
    suffix += f"-ignore-{'-'.join(map(str, options.ignore))}" if options.ignore else ""
    suffix += "" if options.scales == (1.0,) else f"-scales-{'-'.join(f'{scale:g}' for scale in options.scales)}"
    suffix += "-flips" * options.flips
    suffix += "-correlation-bounds" * options.correlation_bounds + "-skip-bad" * options.skip_bad
    return Path("reports") / model / (data + suffix)


def _check_scale(text: str) -> None:
    try:
        fits = text == "best" or 0 < float(text) < float("inf")
    except ValueError:
        fits = False
    if not fits:
        raise UsageError(f"--logit-scale takes a number above 0, or best, got {text}")


def _logit_scale(options: EvaluateOptions, runner) -> float:
    if options.logit_scale != "best":
        return float(options.logit_scale)
    settings = Path(options.model) / "config.json"
    if Path(options.model).suffix == ".keras":
        settings = Path(options.model).parent / "config.json"
    if not settings.is_file():
        raise UsageError("--logit-scale best needs a run, on whose own held-out data it is picked")
    config = read_config(settings, SaliencyConfig)
    source = checked_source(
        config.val or config.data, needs="mask", skip_bad=config.skip_bad, strict=config.strict, quiet=options.quiet
    )
    selection = source if config.val else split_for_selection(source)[1]

    def pairs():
        maps = saliency.predicted_maps(runner, selection, runner.size, options.batch_size, quiet=options.quiet)
        for example, probability in maps:
            yield saliency.to_logits(probability), example.mask

    scale, _ = best_logit_scale(pairs, beta2=options.beta2)
    log.info("logit scale %g is best for MeanF on %s", scale, selection.name)
    if scale == max(FACTORS):
        log.info("that is the largest factor tried: beyond it every pixel is 0 or 1")
    return scale
