"""`metricfit predict`: pictures and videos -> what the model finds in them, drawn and as JSON."""

import itertools
import logging
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...trainers.judge.tiles import tiling_of
from ..beam.runners import check_runner
from ..flags import suppression_of
from ..live.options import PredictOptions
from .checks import check_not_smooth
from .prediction import Prediction

if TYPE_CHECKING:
    from ..beam.predicting import RunnerPrediction

log = logging.getLogger("metricfit")

FOLDER = "predictions"


def predict_files(options: PredictOptions) -> int:
    """Run the verb `predict`; gives the exit code."""
    _predict(options)
    return 0


def predict(options: PredictOptions) -> dict[str, Any]:
    """Predict every picture and video, write what was found, and say what was made; gives what results.json holds."""
    return _predict(options).summary


def _predict(options: PredictOptions) -> "Prediction | RunnerPrediction":
    prediction = _prediction(options)
    with closing(iter(prediction)) as results:
        for _ in results:
            pass
    for repair, names in prediction.repaired.items():
        shown = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
        log.warning("repaired: %s (%d of %d pictures: %s)", repair, len(names), len(prediction.pictures), shown)
    for line in prediction.lines():
        print(line)
    prediction.raise_failures()
    return prediction


def _prediction(options: PredictOptions) -> "Prediction | RunnerPrediction":
    out = options.out or _own_folder(options.resume)
    given: dict[str, Any] = {
        "threshold": options.threshold, "objects": options.objects, "resume": options.resume,
        "threads": options.threads, "trust": options.trust, "quiet": options.quiet,
        "max_megapixels": options.max_megapixels, "suppression": suppression_of(options),
        "tiling": tiling_of(options.tiles, options.tile_overlap),
    }  # fmt: skip
    if options.runner is None:
        check_runner(None, options.runner_options)
        return Prediction(options.model, options.inputs, out, smooth=options.smooth, **given)
    check_not_smooth(options.smooth)
    from ..beam.predicting import RunnerPrediction

    return RunnerPrediction(options.model, options.inputs, out, options.runner, options.runner_options, **given)


def _own_folder(resume: bool) -> Path:
    """Name the first of predictions, predictions-2, ... that is free, so that none is written over; or the last one."""
    names = itertools.chain([FOLDER], (f"{FOLDER}-{number}" for number in itertools.count(2)))
    last = Path(FOLDER)
    for path in map(Path, names):
        if not path.exists():
            return last if resume else path
        last = path
    raise AssertionError
