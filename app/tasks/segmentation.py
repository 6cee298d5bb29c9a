"""What is particular to segmentation in predict and demo, and what its runs and cards say of label values."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from ...trainers.data.fit import unfit_scores
from ...trainers.data.labels import LabelCoding
from ...trainers.data.sources import open_source
from ...trainers.errors import UsageError
from ...trainers.training.config import SegmentationConfig, read_config
from ...trainers.training.run_folder import read_run
from ..show.overlay_classes import TITLES, VIEWS, ClassMap, draw_classes, shown_labels
from ..show.pictures import write_indices, write_picture
from ..show.threshold import Threshold
from .base import AppTask

FOLDERS = {"labels": "labels", "overlay": "overlays"}


def _check(scores, runner) -> None:
    known = len(runner.class_names)
    shape = np.shape(scores)
    if len(shape) != 3 or shape[:2] != (runner.size, runner.size) or (known and shape[2] != known):
        raise UsageError(
            f"expected a segmentation model, whose result has shape ({runner.size}, {runner.size}, "
            f"{known or 'classes'}); {runner.path} gives {shape}: give one trained with 'metricfit train segmentation'"
        )
    if not (np.isfinite(scores).all() and scores.min() >= -1e-3 and scores.max() <= 1 + 1e-3):
        raise UsageError(
            f"expected a segmentation model with probabilities, {runner.path} gives {scores.min():.3g} to "
            f"{scores.max():.3g}: export it with 'metricfit export', or give another model"
        )


def _restore(scores, runner, size: tuple[int, int]) -> ClassMap:
    """Bring the probabilities of a picture to its own size, and take the likeliest class."""
    from ...trainers.colours import class_palette

    scores = unfit_scores(scores, size, runner.resizing)
    labels, confidence = _largest(scores)
    classes = scores.shape[-1]
    names = tuple(runner.class_names) or tuple(f"class {index}" for index in range(classes))
    colours = runner.palette or class_palette(names).tolist()
    return ClassMap(labels, confidence, names, tuple(tuple(map(int, colour)) for colour in colours))


def _largest(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give index, uint8, and value, float32, of the largest of the last axis; the first where several are equal."""
    # Class by class: NumPy's argmax over a short last axis takes several times as long.
    first, *others = cv2.split(scores)
    labels, highest = np.zeros(first.shape, np.uint8), first.copy()
    for index, values in enumerate(others, 1):
        larger = cv2.compare(values, highest, cv2.CMP_GT)
        cv2.copyTo(values, larger, highest)
        labels[larger.view(bool)] = index
    return labels, highest


def _resize(found: ClassMap, size: tuple[int, int], wanted: tuple[int, int]) -> ClassMap:
    if size == wanted:
        return found
    return replace(
        found,
        labels=cv2.resize(found.labels, wanted[::-1], interpolation=cv2.INTER_NEAREST_EXACT),
        confidence=cv2.resize(found.confidence, wanted[::-1], interpolation=cv2.INTER_LINEAR),
    )


def _move(threshold: Threshold, step: float) -> Threshold:
    value = round(float(np.clip(threshold.value + step, 0.0, 1.0)), 2)
    return replace(threshold, value=value, origin="keys")


def _found(found: ClassMap, level) -> str:
    count = len(found.shares(level))
    return f"{count} class{'' if count == 1 else 'es'}"


class ClassWriter:
    """Writes the class map and an overlay of each picture; see `task.Writer`."""

    def __init__(self, predictor, threshold: Threshold, out: Path):
        self.threshold, self.out = threshold.value, out
        self.class_names = list(predictor.runner.class_names)

    def settings(self) -> dict:
        """Give what results.json says about the threshold, and the names of the values of the class maps."""
        return {"threshold": self.threshold, "class_names": self.class_names}

    def add(self, name: str, image: np.ndarray, found: ClassMap, stem: str) -> dict:
        """Write the files of one picture; gives what results.json says about it: the classes by share."""
        files = {"labels": f"{FOLDERS['labels']}/{stem}.png", "overlay": f"{FOLDERS['overlay']}/{stem}.jpg"}
        write_indices(self.out / files["labels"], shown_labels(found, self.threshold), found.colours)
        write_picture(self.out / files["overlay"], draw_classes(image, found, self.threshold))
        shares = found.shares(self.threshold)
        classes = [
            {"class": found.class_names[index], "index": index, "share": round(share, 6)}
            for index, share in shares.items()
        ]
        return {"classes": classes, "files": files}

    def finish(self) -> list[Path]:
        """Nothing is about all pictures."""
        return []


def coding_of(options, runner) -> LabelCoding:
    """Tell what label values mean: what the user says, else what the model's card or run was told.

    Args:
        options: gives `data`, `classes` and `ignore`; the last two None where the user says nothing.
        runner: gives `path` and `card`.

    Raises:
        UsageError: the run's settings cannot be read, or the data cannot be opened.
    """
    classes, ignore = options.classes, options.ignore
    settings = _settings(runner)
    if ignore is None:
        ignore = settings.ignore
    # Names that the data have themselves come first: they may be other data than the run's.
    if classes is None and settings.classes and not open_source(options.data, needs="labels").class_names:
        classes = settings.classes
    return LabelCoding(classes, ignore or ())


def _settings(runner) -> SegmentationConfig:
    """Give the settings of the model's training as far as its card or run knows them."""
    if runner.card is not None:
        known = runner.card.config
        return SegmentationConfig(classes=known.get("classes"), ignore=tuple(known.get("ignore") or ()))
    folder = Path(runner.path).parent
    if (folder / "config.json").is_file() and read_run(folder)["task"] == "segmentation":
        return read_config(folder / "config.json", SegmentationConfig)
    return SegmentationConfig()


TASK = AppTask(
    name="segmentation",
    check=_check,
    restore=_restore,
    resize=_resize,
    digits=2,
    move=_move,
    found=_found,
    views=VIEWS,
    titles=TITLES,
    snapshots={},
    folders=FOLDERS,
    writer=ClassWriter,
)
