"""The verb `evaluate`: any model file on any source; table, JSON and figures."""

import logging
from pathlib import Path

from ..export.runner import load_runner
from ..trainers import saliency
from ..trainers.config import SaliencyConfig, read_config
from ..trainers.data.scan import checked_source
from ..trainers.data.sources import split_for_selection
from ..trainers.errors import UsageError
from ..trainers.files import write_json
from ..trainers.metrics import best_logit_scale
from ..trainers.run_folder import versions
from .options import EvaluateOptions
from .reports import made, table

log = logging.getLogger("metricfit")


def run(options: EvaluateOptions) -> int:
    """Measure a model; gives the exit code."""
    runner = load_runner(options.model)
    source = checked_source(
        options.data, needs="mask", skip_bad=options.skip_bad, strict=options.strict, quiet=options.quiet
    )
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
    folder = Path(options.out or f"reports/{Path(options.model).stem}")
    summary = {
        "model": str(options.model),
        "data": source.name,
        "examples": len(source),
        "protocol": options.protocol,
        "beta2": options.beta2,
        "logit_scale": scale,
        "versions": versions(),
        **report.to_dict(),
    }
    text = table([(f"{source.name} ({len(source)})", report.scalars)])
    log.info("\n%s\n", text)
    paths = [write_json(folder / "metrics.json", summary), *report.draw(folder)]
    log.info("%s", made(paths))
    return 0


def _logit_scale(options: EvaluateOptions, runner) -> float:
    if options.logit_scale != "best":
        try:
            scale = float(options.logit_scale)
        except ValueError:
            scale = 0.0
        if not 0 < scale < float("inf"):
            raise UsageError(f"--logit-scale takes a number above 0, or best, got {options.logit_scale}")
        return scale
    if not (Path(options.model) / "config.json").is_file():
        raise UsageError("--logit-scale best needs a run folder, whose selection data it is picked on")
    config = read_config(Path(options.model) / "config.json", SaliencyConfig)
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
    return scale
