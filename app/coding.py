"""What the values of label files mean to a model: what the user says, else what its card or run was told."""

from pathlib import Path

from ..export.runners.base import Runner
from ..trainers.data.labels import LabelCoding
from ..trainers.data.sources import open_source
from ..trainers.training.config import SegmentationConfig, read_config
from ..trainers.training.run_folder import read_run
from .options import EvaluateOptions


def coding_of(options: EvaluateOptions, runner: Runner) -> LabelCoding:
    """Tell what label values mean in the data that a model is measured on."""
    settings, classes = _settings(runner), options.classes
    ignore = settings.ignore if options.ignore is None else options.ignore
    # Names that the data have themselves come first: they may be other data than the run's.
    if classes is None and settings.classes and not open_source(options.data, needs="labels").class_names:
        classes = settings.classes
    return LabelCoding(classes, ignore or ())


def _settings(runner: Runner) -> SegmentationConfig:
    """Give the settings of the model's training as far as its card or run knows them."""
    if runner.card is not None:
        known = runner.card.config
        return SegmentationConfig(classes=known.get("classes"), ignore=tuple(known.get("ignore") or ()))
    folder = Path(runner.path).parent
    if (folder / "config.json").is_file() and read_run(folder)["task"] == "segmentation":
        return read_config(folder / "config.json", SegmentationConfig)
    return SegmentationConfig()
