"""Several views of a picture: scales, mirrored, tiles; scores of classes averaged over them.

Averaging is that of lovasz_softmax.md, section 4.3; boxes of several views are brought together in `merging`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..data.fit import GREY, fit_image, unfit_scores
from ..errors import UsageError
from ..geometry import InputSize, Size, height_width
from .tiles import Tiling

MULTIPLE = 32  # of which the sides of every network input are some


@dataclass(frozen=True)
class Views:
    """How a picture is shown to a model; UsageError for no scale, or one out of range."""

    scales: Sequence[float] = (1.0,)  # factors on its size in the model's input, 0.05 to 4; the paper: 1, 0.75, 0.5
    flips: bool = False  # whether each is shown mirrored, too
    tiling: Tiling | None = None  # of detection: how its parts are shown besides

    def __post_init__(self) -> None:
        low, high = 0.05, 4
        if not self.scales or not all(low <= scale <= high for scale in self.scales):
            raise UsageError(f"--scales must be from {low} to {high} each, got {tuple(self.scales)}")

    def sizes(self, size: InputSize) -> Iterator[tuple[Size, Size]]:
        """Give for each scale the size to which a picture is fitted, and the input's: the next multiples of 32."""
        whole = height_width(size)
        for scale in self.scales:
            height, width = (max(1, int(side * scale + 0.5)) for side in whole)
            larger = -(-height // MULTIPLE) * MULTIPLE, -(-width // MULTIPLE) * MULTIPLE
            yield (whole, whole) if scale == 1 else ((height, width), larger)


PLAIN = Views()  # a picture is shown once, as it is


def averaged_scores(
    predict: Callable[[np.ndarray], np.ndarray],
    pictures: Sequence[np.ndarray],
    size: InputSize,
    resizing: str,
    views: Views = PLAIN,
    *,
    fitted: np.ndarray | None = None,
    sizes: Sequence[Size] = (),
) -> list[np.ndarray]:
    """Average what a model says of each view, at the picture's own size: float32 [H, W, C] for each picture.

    At scale s a picture is brought to s times the size as it is to the model's input, and grey fills that up to the
    next multiples of 32: the size that `predict` gets. Scores outside the picture are cut away, what is left is
    brought to its own size bilinearly, mirrored back, and averaged. `fitted` is the pictures as the model's own input,
    if at hand, `sizes` their own (height, width) where some are smaller versions of large ones.
    """
    sizes = sizes or [(picture.shape[0], picture.shape[1]) for picture in pictures]
    means: list[np.ndarray] = [np.zeros((), np.float32)] * len(pictures)
    mirrorings = (False, True) if views.flips else (False,)
    share = np.float32(1 / (len(views.scales) * len(mirrorings)))
    for inner, whole in views.sizes(size):
        for mirrored in mirrorings:
            if inner == whole == height_width(size) and not mirrored and fitted is not None:
                batch = fitted
            else:
                shown = (np.ascontiguousarray(picture[:, ::-1]) if mirrored else picture for picture in pictures)
                inputs = [fit_image(picture, inner, resizing, own) for picture, own in zip(shown, sizes, strict=True)]
                batch = np.stack([filled_up(one, whole) for one in inputs])
            for index, scores in enumerate(predict(batch)):
                scores = unfit_scores(scores[: inner[0], : inner[1]], sizes[index], resizing)
                means[index] = means[index] + (scores[:, ::-1] if mirrored else scores) * share
    return means


def filled_up(image: np.ndarray, size: Size) -> np.ndarray:
    """Fill a picture up with grey, at the right and below, to (height, width)."""
    margin = ((0, size[0] - image.shape[0]), (0, size[1] - image.shape[1]), (0, 0))
    return np.pad(image, margin, constant_values=GREY) if any(map(max, margin)) else image
