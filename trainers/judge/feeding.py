"""How judges are fed: predictions of a source, brought back to the pictures' own pixels."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ..data.batches import pipeline
from ..data.example import Example, Source
from ..data.targets.base import Target
from ..errors import DataError
from ..geometry import InputSize
from ..metrics.ranking.matching import Found
from ..models.detector.suppression import USUAL, Suppression
from .base import Judge
from .clips.smoothing import Smoother
from .expected_iou import decided_in_groups
from .likeliest import likeliest_sampled
from .merging import merged_boxes
from .views import PLAIN, Views, averaged_scores


def found_in(
    predict: Callable[[np.ndarray], Any],
    source: Source,
    target: Target[Any],
    *,
    size: InputSize,
    resizing: str,
    batch_size: int = 16,
    views: Views = PLAIN,
    suppression: Suppression | None = None,
    decision: str = "argmax",
    smooth: float = 0.0,
    quiet: bool = False,
    description: str = "evaluating",
    passed_over: Callable[[int, DataError], None] | None = None,
) -> Iterator[tuple[Example, Any]]:
    """Yield each example of a source with what is found in it, as its judge takes it; DataError without a target.

    Args:
        predict: from uint8 pictures [B, h, w, 3] to what is found in them: saliency float32 [B, h, w],
            scores of classes float32 [B, h, w, C], or a tuple of boxes float [B, K, 4] in pixels of the input,
            scores [B, K], classes [B, K] and count [B], how many of the K are boxes.
        source: examples with the target.
        target: what is to be found.
        size: of the network's input, which a picture becomes by `resizing`, "pad" or "stretch".
        passed_over: is told of each example that cannot be loaded, its place and why, and the others go on; without it
            the first one is raised.
        views: of class maps and boxes: how each picture is shown, once or at several scales (then `predict` takes other
            sizes).
        suppression: of boxes: how those of several views are brought together, None for the usual way.
        decision: of class maps: "iou" also decides them in groups for the mean IoU to be expected, see
            `decided_in_groups`; "argmax" leaves it at the likeliest classes.
        smooth: of the frames of clips, maps and class maps seen once: how much of the one before is kept, see
            `Smoother`.
    """
    pairs = _shown(
        predict, source, target, size=size, resizing=resizing, batch_size=batch_size, views=views,
        suppression=suppression, smooth=smooth, quiet=quiet, description=description, passed_over=passed_over,
    )  # fmt: skip
    if decision == "iou":
        yield from decided_in_groups(pairs)
        return
    for example, one in pairs:
        yield example, _AS_JUDGED[target.name](one)
        del example, one  # before the next ones come


def _shown(
    predict: Callable[[np.ndarray], Any],
    source: Source,
    target: Target[Any],
    *,
    size: InputSize,
    resizing: str,
    batch_size: int,
    views: Views,
    suppression: Suppression | None,
    smooth: float,
    quiet: bool,
    description: str,
    passed_over: Callable[[int, DataError], None] | None,
) -> Iterator[tuple[Example, Any]]:
    """Yield each example with what is found in it in its own pixels, as `Target.unfit` gives it."""
    batches = pipeline.original_size_examples(
        source, size, batch_size, quiet=quiet, description=description, resizing=resizing, passed_over=passed_over
    )
    smoother = Smoother(smooth) if smooth else None
    for images, examples in batches:
        for example in examples:
            target.of(example, source)  # refuses what cannot be judged
        if views == PLAIN:
            scores = predict(images)
            scores = smoother.over(scores, images, examples) if smoother else scores
            yield from zip(examples, _unfitted(scores, examples, target, size=size, resizing=resizing))
            del scores
        else:
            shown, sizes = [example.image for example in examples], [example.size for example in examples]
            found: Sequence[Any]
            if target.name == "boxes":
                found = merged_boxes(predict, shown, size, resizing, views, suppression or USUAL, sizes=sizes)
            else:
                found = averaged_scores(predict, shown, size, resizing, views, fitted=images, sizes=sizes)
            yield from zip(examples, found)
            del shown, found
        del images, examples, example  # before the next ones come


def in_pictures(
    found: Any, examples: Sequence[Example], target: Target[Any], *, size: InputSize, resizing: str
) -> Iterator[Any]:
    """Bring what `predict` gave for a batch into the pixels of its examples, as their judge takes it."""
    yield from map(_AS_JUDGED[target.name], _unfitted(found, examples, target, size=size, resizing=resizing))


def _unfitted(
    found: Any, examples: Sequence[Example], target: Target[Any], *, size: InputSize, resizing: str
) -> Iterator[Any]:
    for example, one in zip(examples, zip(*found) if isinstance(found, tuple) else found):
        yield target.unfit(one, size, resizing, example.size)


def judge_all(pairs: Iterable[tuple[Example, Any]], *judges: Judge[Any, Any]) -> None:
    """Feed judges with the same examples, in one pass."""
    for example, found in pairs:
        for judge in judges:
            judge.update(example, found)


_AS_JUDGED: dict[str, Callable[[Any], Any]] = {
    "mask": lambda saliency: saliency,
    "labels": likeliest_sampled,
    "boxes": lambda parts: Found(*parts),
}
