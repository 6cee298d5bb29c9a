"""Intersection over union of class maps, streamed from one confusion matrix an image, in NumPy.

The means over the classes take an index of all pixels of the data set (`dataset_miou`, what benchmarks report), or of
those of a few images (`batch_miou`) or one (`image_miou`), then averaged (lovasz_softmax.md, eq. 3 and 14, section
3.1).

A class that is not in their ground truth counts 0/0 = 1 when it is not predicted either, and 0 when it is;
`..._present` leaves it out. Ignored pixels do not count, and neither does an image of ignored pixels alone.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ..errors import MetricfitError
from ..geometry import IGNORE
from .batch_means import BatchRun
from .exact_sums import ExactSum
from .resampling import weighted_sums
from .streaming import Streaming


def confusion_matrix(
    labels: np.ndarray, predicted: np.ndarray, classes: int, *, ignore: int | None = IGNORE
) -> np.ndarray:
    """Count pixels by true (row) and predicted class (column): int64 [classes, classes]; ValueError for others."""
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    if labels.shape != predicted.shape:
        raise ValueError(f"labels and predicted classes must share one shape, got {labels.shape} and {predicted.shape}")
    labels, predicted = labels.ravel().astype(np.int64), predicted.ravel().astype(np.int64)
    if ignore is not None:
        counted = labels != ignore
        labels, predicted = labels[counted], predicted[counted]
    for name, values in (("labels", labels), ("predicted classes", predicted)):
        if values.size and not 0 <= values.min() <= values.max() < classes:
            raise ValueError(f"{name} must lie in 0..{classes - 1}, got {values.min()}..{values.max()}")
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes)


def class_iou(confusion: np.ndarray) -> np.ndarray:
    """Give the Jaccard index of each class (eq. 3), from [..., C, C] to float64 [..., C]; 0/0 = 1."""
    both = np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)
    union = confusion.sum(axis=-1) + confusion.sum(axis=-2) - both
    return np.divide(both, union, out=np.ones_like(both), where=union > 0)


def mean_iou(confusion: np.ndarray, *, present: bool) -> np.ndarray:
    """Average the Jaccard index over the classes (eq. 14), or those of the truth: [..., C, C] to float64 [...]."""
    iou = class_iou(confusion)
    if not present:
        return iou.mean(axis=-1)
    there = confusion.sum(axis=-1) > 0
    return (iou * there).sum(axis=-1) / there.sum(axis=-1)


def class_pixels(confusion: np.ndarray) -> np.ndarray:
    """Count by class the pixels that are right, its own and those found, int64 [3, C], of a confusion matrix [C, C]."""
    return np.stack([np.diagonal(confusion), confusion.sum(axis=1), confusion.sum(axis=0)])


def resampled_agreement(pictures: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Give mIoU and accuracy of sets with each picture's `class_pixels` [n, 3, C] so often, as `Judge.resampled`."""
    right, true, found = weighted_sums(counts, pictures).swapaxes(0, 1)
    union, there = true + found - right, true > 0
    iou = np.divide(right, union, out=np.zeros_like(right), where=there)
    return {
        "dataset_miou_present": iou.sum(axis=1) / there.sum(axis=1),
        "pixel_accuracy": right.sum(axis=1) / true.sum(axis=1),
    }


_MEANS = [f"{over}_miou{kind}" for over in ("dataset", "batch", "image") for kind in ("", "_present")]
_FIGURES = (*_MEANS, "pixel_accuracy")


@dataclass(frozen=True, eq=False)
class JaccardResult:
    """How well class maps agree; the catalogue explains the scalars."""

    confusion: np.ndarray  # int64 [C, C], pixels by true (row) and predicted (column) class
    class_names: tuple[str, ...]
    dataset_miou: float
    dataset_miou_present: float
    batch_miou: float
    batch_miou_present: float
    image_miou: float
    image_miou_present: float
    pixel_accuracy: float
    batch_size: int
    images: int

    @property
    def scalars(self) -> dict[str, float]:
        """The main figures by name."""
        return {name: getattr(self, name) for name in _FIGURES}

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """By class: `share` of the pixels, `iou`, `recall` and `precision`; what does not exist (0/0) is left out."""
        true, found = self.confusion.sum(axis=1), self.confusion.sum(axis=0)
        rows = {}
        for index, name in enumerate(self.class_names):
            hit = self.confusion[index, index]
            quotients = {
                "share": (true[index], true.sum()),
                "iou": (hit, true[index] + found[index] - hit),
                "recall": (hit, true[index]),
                "precision": (hit, found[index]),
            }
            rows[name] = {key: float(part / whole) for key, (part, whole) in quotients.items() if whole}
        return rows

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-able data."""
        counts = {"images": self.images, "batch_size": self.batch_size, "confusion": self.confusion.tolist()}
        return {"scalars": self.scalars, "classes": self.class_scalars, **counts}


class Jaccard(Streaming):
    """Adds images up, one confusion matrix each; ValueError for no classes, or a batch of nothing.

    Args:
        class_names: the names of the classes.
        batch_size: images in a row that are one batch of `batch_miou`; the last may have fewer.
        ignore: the label of pixels that do not count, or None.
        start: position of its first image in the data set, by which merged parts make the batches of one pass.
    """

    _settings = ("class_names", "batch_size", "ignore")
    _sums = ("_dataset", "_images", "_image_sums")

    def __init__(
        self, class_names: Sequence[str], *, batch_size: int = 16, ignore: int | None = IGNORE, start: int = 0
    ):
        if not class_names or batch_size < 1:
            raise ValueError(f"expected classes and a batch_size of at least 1, got {class_names} and {batch_size}")
        self.class_names, self.batch_size, self.ignore = tuple(class_names), batch_size, ignore
        self._dataset = np.zeros((len(self.class_names),) * 2, np.int64)
        self._images, self._image_sums = 0, ExactSum((2,))
        self._runs = [BatchRun(start, batch_size, _both_means)]

    def update(self, labels: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """Add one image, and give its `confusion_matrix`, which explains arguments and errors."""
        confusion = confusion_matrix(labels, predicted, len(self.class_names), ignore=self.ignore)
        self._runs[-1].stop += 1
        if confusion.any():
            self._dataset += confusion
            self._images += 1
            self._image_sums.add(_both_means(confusion))
            self._runs[-1].add(confusion)
        return confusion

    def _take_in(self, other: Self) -> None:
        super()._take_in(other)
        self._runs = BatchRun.joined(sorted(self._runs + copy.deepcopy(other._runs), key=lambda run: run.start))

    def end_at(self, position: int) -> None:
        """See `Streaming`."""
        self._runs[-1].stop = position

    def result(self) -> JaccardResult:
        """Give what was counted so far; MetricfitError where no image has a pixel that counts."""
        if not self._images:
            raise MetricfitError("no pixel counts in any image, so there is nothing to measure: choose other data")
        means = (_both_means(self._dataset), BatchRun.mean(self._runs), self._image_sums.value / self._images)
        accuracy = np.trace(self._dataset) / self._dataset.sum()
        figures: dict[str, Any] = dict(zip(_FIGURES, np.append(np.concatenate(means), accuracy).tolist()))
        return JaccardResult(
            self._dataset.copy(), self.class_names, batch_size=self.batch_size, images=self._images, **figures
        )


def _both_means(confusion: np.ndarray) -> np.ndarray:
    return np.array([mean_iou(confusion, present=present) for present in (False, True)])
