"""A predictor that goes through a clip frame by frame, and may keep what it found before."""

from collections.abc import Callable

import numpy as np

from ...trainers.data.images import Seen
from ...trainers.errors import UsageError
from ...trainers.judge.clips.smoothing import Smoother, check_keep
from ..predictor import Predictor
from ..results import Result


class ClipPredictor:
    """Finds what is in the frames of a clip, smoothed from frame to frame, see `Smoother`.

    A frame that does not follow the one before it by its number, or has another size, begins a clip.

    Args:
        predictor: of saliency or class maps where anything is smoothed, else of any task.
        keep: as of `Smoother`; at 0 every frame is seen by itself.

    Raises:
        UsageError: `keep` is out of range, or the model finds boxes.
    """

    def __init__(self, predictor: Predictor, keep: float = 0.0):
        check_keep(keep)
        if keep and predictor.task.target == "boxes":
            raise UsageError(
                f"--smooth is of saliency and class maps, {predictor.runner.path} is a {predictor.task.name} model: "
                "leave it out"
            )
        self.predictor = predictor
        self._smoother = Smoother(keep) if keep else None
        self._last: tuple[int, tuple[int, ...]] = (-1, ())  # number and shape of the last frame

    def __call__(
        self, image: np.ndarray, number: int, path: str = "", *, seen: Callable[[], Seen] | None = None
    ) -> Result:
        """Find what is in the frame of a number; the others as of `Predictor`."""
        if self._smoother is None:
            return self.predictor(image, path, seen=seen)
        fitted = self.predictor.fit(image, seen)
        (found,) = self.predictor.find(fitted[None])
        if self._last != (number - 1, image.shape):
            self._smoother.begin()
        self._last = number, image.shape
        return self.predictor.restore(self._smoother(found, fitted), image, path=path)
