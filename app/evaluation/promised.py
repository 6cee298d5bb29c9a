"""What a guarantee asks of an evaluation, and the card into which its threshold goes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...export.promising import keep_guarantee, known_sources, with_calibration_pictures
from ...export.runners.base import Runner
from ...saved_models import shipped_models
from ...trainers.data.example import Source
from ...trainers.errors import UsageError
from ...trainers.guarantees.kept import Guarantee
from ...trainers.guarantees.promise import DEFAULT_IOU, Promise, read_promise
from ..options import EvaluateOptions

PLAIN = EvaluateOptions(model="")
OTHER_SCORES = ("protocol", "logit_scale", "calibration", "decision", "smooth")
"""Options by which other scores are measured than those that predict, demo and serve cut."""
OTHER_VIEWS = ("scales", "flips", "tiles", "tile_overlap")


def promise_of(options: EvaluateOptions) -> Promise | None:
    """Read what is to be promised; UsageError where it does not fit the other options."""
    if options.guarantee is None:
        if options.into_card:
            raise UsageError('--into-card keeps a promise: give one, as in --guarantee "recall >= 0.9 @ 0.95"')
        return None
    _refuse(options, OTHER_SCORES, "--guarantee chooses among the model's own scores")
    if options.into_card:
        _refuse(options, OTHER_VIEWS, "--into-card is of pictures seen once, as a whole")
    return read_promise(options.guarantee)


def check_model(options: EvaluateOptions, runner: Runner, promise: Promise | None) -> None:
    """Refuse a promise about boxes of a model that finds none, and a card that cannot keep one."""
    if promise and promise.iou != DEFAULT_IOU and runner.task != "detection":
        raise UsageError(
            f"--guarantee of an IoU is for detection models, {options.model} is a {runner.task} model: leave @iou out"
        )
    if not options.into_card:
        return
    if runner.card is None or Path(runner.path).resolve().name not in runner.card.files:
        raise UsageError(f"--into-card needs an exported file, whose card is beside it, got {options.model}")
    folder = Path(runner.path).resolve().parent
    if folder in [one.resolve() for one in shipped_models().values()]:
        raise UsageError(
            f"{options.model} ships with the program and stays as it is: copy {folder} to a place of yours, and give "
            "that to --into-card"
        )


def with_pictures(promise: Promise, source: Source, runner: Runner, settings: Mapping[str, Any]) -> Promise:
    """See `with_calibration_pictures`, by what card and run say of their data."""
    told = runner.card.data if runner.card else {}
    # Part of the training data otherwise.
    compared = "" if (text := told.get("validation", "")).startswith("every tenth example of ") else text
    known = known_sources(settings.get("data"), settings.get("val"), told.get("training"), compared)
    return with_calibration_pictures(promise, source, known, told.get("fingerprints", "").split())


def keep(kept: Guarantee, runner: Runner, data: str) -> list[Path]:
    """Put the threshold into the card; gives what was changed, and see `keep_guarantee`."""
    return keep_guarantee(Path(runner.path), kept, data)


def _refuse(options: EvaluateOptions, names: tuple[str, ...], why: str) -> None:
    for name in names:
        if getattr(options, name) != getattr(PLAIN, name):
            raise UsageError(f"{why}: leave --{name.replace('_', '-')} out")
