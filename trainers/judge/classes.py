"""How good a segmentation is: any function that scores classes, on any source of labels, at the labels' own size."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..data.batches import pipeline
from ..data.classes import with_class_names
from ..data.example import IGNORE, Example, Source
from ..figures.classes import class_iou_figure, confusion_figure, label_panels_figure
from ..figures.maps import save
from ..metrics import Jaccard, JaccardResult
from .views import PLAIN, Views, averaged_scores

PICTURES = 6
"""How many pictures a report keeps to be drawn."""


@dataclass(frozen=True, eq=False)
class SegmentationReport:
    """How good a segmentation is on one source.

    Attributes:
        jaccard: intersection over union, by data set, batch and image, and the confusion of the classes.
        pictures: a few (image uint8 [H, W, 3], labels and predicted classes uint8 [H, W], name), each at its own size.
        label: what the bars are called in figures.
    """

    jaccard: JaccardResult
    pictures: list[tuple] = field(default_factory=list)
    label: str = "model"

    @property
    def scalars(self) -> dict[str, float]:
        """The main figures."""
        return self.jaccard.scalars

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """By class: `share`, `iou`, `recall` and `precision`; what does not exist is left out."""
        return self.jaccard.class_scalars

    def to_dict(self) -> dict:
        """All figures as JSON-able data."""
        return self.jaccard.to_dict()

    def figures(self, title: str = "") -> dict:
        """Draw IoU by class, the confusion of the classes, and the pictures: figures by name."""
        drawn = {
            "class_iou": class_iou_figure({self.label: self.jaccard}, title=title),
            "confusion": confusion_figure(self.jaccard, title=title),
        }
        if self.pictures:
            images, labels, predictions, names = zip(*self.pictures)
            drawn["panels"] = label_panels_figure(
                images, labels, predictions, self.jaccard.class_names, names, ignore=IGNORE, title=title
            )
        return drawn

    def draw(self, folder) -> list[Path]:
        """Write the figures as PNG files; gives these."""
        return [save(figure, Path(folder) / f"{name}.png") for name, figure in self.figures().items()]


def measure(
    predict: Callable,
    source: Source,
    *,
    size: int,
    resizing: str = "pad",
    class_names: Sequence[str],
    batch_size: int = 16,
    views: Views = PLAIN,
    label: str = "model",
    quiet: bool = False,
) -> SegmentationReport:
    """Judge a segmentation at the labels' own size.

    The classes of the model and of the source are brought together by their names.

    Args:
        predict: from uint8 pictures [B, size, size, 3] to scores of the classes, float32 [B, size, size, C]; at other
            scales from squares of other sides, see `multi_scale.averaged_scores`.
        source: examples with labels, the indices of its `class_names`.
        size: side of the network's input in pixels.
        resizing: how a picture becomes the input, "pad" or "stretch".
        class_names: names of the model's classes, by index.
        batch_size: pictures a call of `predict`, and a batch of `batch_miou`.
        views: how each picture is shown to `predict`, once or at several scales.
        label: name of the model in figures.
        quiet: no progress bar.

    Returns:
        The report.

    Raises:
        UsageError: the source has a class that the model does not know, or batch_size is below 1.
        MetricfitError: no pixel counts.
    """
    source = with_class_names(source, class_names)
    shown = set(np.linspace(0, len(source) - 1, PICTURES).astype(int).tolist())
    # A batch of nothing is refused below, as for every task.
    jaccard = Jaccard(class_names, batch_size=max(1, batch_size), ignore=IGNORE)
    pictures = []
    found = predicted_classes(predict, source, size, resizing, batch_size, views=views, quiet=quiet)
    for index, (example, predicted) in enumerate(found):
        jaccard.update(example.labels, predicted)
        if index in shown:
            pictures.append((example.image, example.labels, predicted, example.name))
    return SegmentationReport(jaccard.result(), pictures, label)


def predicted_classes(
    predict: Callable,
    source: Source,
    size: int,
    resizing: str,
    batch_size: int,
    *,
    views: Views = PLAIN,
    quiet: bool = False,
) -> Iterator[tuple[Example, np.ndarray]]:
    """Yield each example with the class of the highest score of each pixel, uint8 [H, W], at the picture's own size."""
    batches = pipeline.original_size_examples(
        source, size, batch_size, quiet=quiet, description="evaluating", resizing=resizing
    )
    for images, examples in batches:
        pictures = [example.image for example in examples]
        found = averaged_scores(predict, pictures, size, resizing, views, fitted=images)
        for example, scores in zip(examples, found):
            yield example, scores.argmax(axis=-1).astype(np.uint8)
