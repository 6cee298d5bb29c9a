"""How good a detector is: any function that finds boxes, on any source that has them, at the pictures' own sizes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from ..data.batches import pipeline
from ..data.example import Example, Source
from ..data.fit import fit_scale, unfit_boxes
from ..errors import DataError, UsageError
from ..figures.boxes import boxes_figure, confidence_figure, precision_recall_figure
from ..figures.maps import save
from ..metrics import LRP, CocoAP, CocoResult, CorrelationBounds, Found, LRPResult, Truth, rank_correlation
from ..metrics import correlation_bounds as bounds_of

PICTURES = 6
"""How many pictures a report keeps to be drawn."""


@dataclass(frozen=True, eq=False)
class DetectionReport:
    """How good a detector is on one source.

    Attributes:
        coco: average precision.
        lrp: optimal LRP, F1, and both over the threshold.
        rho: correlation of the ranks by score and by IoU of the true positives; NaN where there are too few.
        bounds: AP with the scores of the true positives dealt out in the worst and in the best order, where asked for.
        pictures: a few (image uint8 [H, W, 3], `Truth`, `Found`, name), each at its own size.
        label: what the curves are called in figures.
    """

    coco: CocoResult
    lrp: LRPResult
    rho: float
    bounds: CorrelationBounds | None = None
    pictures: list[tuple] = field(default_factory=list)
    label: str = "model"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self.coco.class_names

    @property
    def scalars(self) -> dict[str, float]:
        """The main figures; those that do not exist here (AP of large boxes where there are none) are left out."""
        rho = {} if np.isnan(self.rho) else {"rho": self.rho}
        return {**self.coco.scalars, **self.lrp.scalars, **rho}

    @property
    def class_scalars(self) -> dict[str, dict[str, float]]:
        """By class: `ap`, `ap50`, `ap75`, `olrp` and its components, `threshold`; what does not exist is left out."""
        found = self.lrp.class_scalars
        return {name: {**values, **found[name]} for name, values in self.coco.class_scalars.items()}

    def to_dict(self) -> dict:
        """All figures and curves as JSON-able data."""
        entries = {
            "scalars": self.scalars,
            "classes": self.class_scalars,
            "images": self.coco.images,
            "tau": self.lrp.tau,
            "curves": {**self.coco.curves, **self.lrp.curves},
        }
        if self.bounds:
            entries["correlation_bounds"] = asdict(self.bounds)
        return entries

    def draw(self, folder) -> list[Path]:
        """Draw precision over recall, F1 and LRP over the threshold, and the pictures; gives the files."""
        folder = Path(folder)
        made = [
            save(precision_recall_figure(self.coco), folder / "precision_recall.png"),
            save(confidence_figure({self.label: self.lrp}), folder / "thresholds.png"),
        ]
        if self.pictures:
            made.append(save(self.panels(), folder / "panels.png"))
        return made

    def panels(self, title: str = ""):
        """Draw the kept pictures, truth beside what was found, as a figure.

        Of what was found the boxes are shown that reach the best threshold of their class.
        """
        images, truths, founds, names = zip(*self.pictures)
        thresholds = np.where(np.isnan(self.lrp.class_threshold), np.inf, self.lrp.class_threshold)
        return boxes_figure(images, truths, founds, self.class_names, names=names, thresholds=thresholds, title=title)


def measure(
    predict: Callable,
    source: Source,
    *,
    size: int,
    resizing: str = "pad",
    class_names: Sequence[str],
    batch_size: int = 8,
    label: str = "model",
    quiet: bool = False,
    correlation_bounds: bool = False,
) -> DetectionReport:
    """Judge a detector in pixels of the original pictures.

    The classes of the model and of the source are brought together by their names; boxes of classes that only the
    model knows are left out.

    Args:
        predict: from uint8 pictures [B, size, size, 3] to boxes float [B, K, 4] in pixels of the input, scores float
            [B, K] in [0, 1], classes integer [B, K] and count integer [B], how many of the K are boxes.
        source: examples with boxes.
        size: side of the network's input in pixels.
        resizing: how a picture becomes the input, "pad" or "stretch".
        class_names: names of the model's classes, by index.
        batch_size: pictures a call of `predict`.
        label: name of the model in figures.
        quiet: no progress bar.
        correlation_bounds: whether to measure AP with the true positives' scores in the worst and the best order, too.

    Returns:
        The report.

    Raises:
        UsageError: the source has a class that the model does not know, or batch_size is below 1.
        DataError: an example without boxes.
        MetricfitError: no example has a box that counts.
    """
    known = match_classes(class_names, source)
    coco, lrp = CocoAP(source.class_names), LRP(source.class_names)
    shown = set(np.linspace(0, len(source) - 1, PICTURES).astype(int).tolist())
    pictures = []
    found_boxes = predicted_boxes(predict, source, size, resizing, batch_size, quiet=quiet)
    for index, (example, found) in enumerate(found_boxes):
        classes = known[found.classes]
        found = Found(found.boxes[classes >= 0], found.scores[classes >= 0], classes[classes >= 0])
        truth = _truth(example, source)
        coco.update(truth, found)
        lrp.update(truth, found)
        if index in shown:
            pictures.append((example.image, truth, found, example.name))
    matches = lrp.matches.by_class()
    return DetectionReport(
        coco=coco.result(),
        lrp=lrp.result(),
        rho=rank_correlation(matches),
        bounds=bounds_of(matches) if correlation_bounds else None,
        pictures=pictures,
        label=label,
    )


def match_classes(class_names: Sequence[str], source: Source) -> np.ndarray:
    """Find the model's classes in a source, by name.

    Returns:
        int64 [number of the model's classes]: the index in `source.class_names`, -1 for what the source does not have.

    Raises:
        UsageError: the source has classes that the model does not know, or the model's have no names.
    """
    if not class_names:
        raise UsageError("the model does not say the names of its classes: keep an exported file beside its card.json")
    unknown = [name for name in source.class_names if name not in class_names]
    if unknown:
        raise UsageError(
            f"{source.name} has {_listed(unknown)}, which the model does not know (it finds {_listed(class_names)}): "
            "name the classes alike, or train on these"
        )
    places = {name: index for index, name in enumerate(source.class_names)}
    return np.array([places.get(name, -1) for name in class_names], np.int64)


def predicted_boxes(
    predict: Callable, source: Source, size: int, resizing: str, batch_size: int, *, quiet: bool = False
) -> Iterator[tuple[Example, Found]]:
    """Yield each example with what is found in it, in pixels of the original picture and the model's classes."""
    batches = pipeline.original_size_examples(
        source, size, batch_size, quiet=quiet, description="evaluating", resizing=resizing
    )
    for images, examples in batches:
        for example, boxes, scores, classes, count in zip(examples, *predict(images)):
            shape = example.image.shape[:2]
            boxes = unfit_boxes(boxes[:count], fit_scale(shape, size, resizing), shape)
            yield example, Found(boxes, scores[:count], classes[:count])


def _truth(example: Example, source: Source) -> Truth:
    if example.boxes is None or example.classes is None:
        raise DataError(f"{example.name} of {source.name} has no boxes: choose a source that has them")
    return Truth(example.boxes, example.classes, example.difficult, example.crowd, example.areas)


def _listed(names: Sequence[str], most: int = 8) -> str:
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
