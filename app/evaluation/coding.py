"""What mask and label files mean to a model: what the user says, else what its card or run was told."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...export.runners.base import Runner
from ...trainers.data.labels import LabelCoding
from ...trainers.data.pixel_files.coding import FileCoding
from ...trainers.data.sources import open_source
from ...trainers.errors import UsageError
from ...trainers.training.run_folder import read_run
from ..options import EvaluateOptions


def coding_of(options: EvaluateOptions, runner: Runner, files: FileCoding) -> LabelCoding:
    """Tell what label values mean in the data that a model is measured on."""
    settings, classes = settings_of(runner), options.classes
    ignore = tuple(settings.get("ignore") or ()) if options.ignore is None else options.ignore
    # Names that the data have themselves come first: they may be other data than the run's.
    if classes is None and settings.get("classes"):
        named = open_source(options.data, needs="labels", files=files).class_names
        classes = None if named else settings["classes"]
    return LabelCoding(classes, ignore)


def files_of(options: EvaluateOptions, runner: Runner) -> FileCoding:
    """Tell how the files are written from which masks or labels are read."""
    settings = settings_of(runner)
    threshold = settings.get("mask_threshold") if options.mask_threshold is None else options.mask_threshold
    trained = settings.get("colours") or ""
    # The run's own may lie elsewhere by now, or be of no use here: labels in colour say that one is missing.
    colours = options.colours or (trained if Path(trained).is_file() else None)
    resize = options.resize_masks or bool(settings.get("resize_masks"))
    return FileCoding(threshold, resize, colours, options.max_megapixels)


def settings_of(runner: Runner) -> Mapping[str, Any]:
    """Give the settings of the model's training as far as its card or run knows them."""
    if runner.card is not None:
        return runner.card.config
    with contextlib.suppress(UsageError):
        # A model file alone has no run beside it, or something else.
        return dict(read_run(Path(runner.path).parent)["config"])
    return {}
