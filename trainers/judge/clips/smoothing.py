"""What is found in the frames of a clip, smoothed in time: the logits of a frame and those of the one before it."""

from collections.abc import Sequence

import cv2
import numpy as np

from ...data.example import Example, follows
from ...errors import UsageError

SIGMA = 16.0
"""Grey levels: where a frame differs by so much from the one before it, 1/e of `keep` is kept."""
WINDOW = 5
"""Pixels along each side of what frames are averaged over before they are compared: noise changes that little."""
LEAST = 1e-3
"""Surer probabilities count as this or 1 less this: a frame alone must be able to turn a pixel."""


class Smoother:
    """Exponential smoothing in the logits, where the picture stays as it is.

    z_t = a z_(t-1) + (1 - a) logit_t at each pixel of the network's size, with a = keep exp(-|I_t - I_(t-1)| / `SIGMA`)
    of frames in grey, averaged over `WINDOW`: where something moves, the newest frame counts by itself. No motion is
    looked for.

    Args:
        keep: how much of the frame before is kept where the picture stays the same, from 0 to below 1; UsageError for
            another.
    """

    def __init__(self, keep: float):
        check_keep(keep)
        self.keep = keep
        self._shares = (keep * np.exp(-np.arange(256) / SIGMA)).astype(np.float32)
        self._logits: np.ndarray | None = None
        self._seen = np.zeros((0, 0, 3), np.uint8)
        self._last: Example | None = None

    def begin(self) -> None:
        """Forget what was before: another clip begins."""
        self._logits = None

    def __call__(self, scores: np.ndarray, image: np.ndarray) -> np.ndarray:
        """Smooth what is found in the next frame.

        Args:
            scores: saliency float [h, w] in [0, 1], or probabilities of classes float [h, w, C].
            image: the frame at the network's size, uint8 [h, w, 3].

        Returns:
            The same, float32 of the same shape; of a clip's first frame, or one of another size, what was given.
        """
        logits, before, seen = _logits(scores), self._logits, self._seen
        self._logits, self._seen = logits, np.asarray(cv2.blur(image, (WINDOW, WINDOW)))
        if before is None or before.shape != logits.shape:
            return np.asarray(scores, np.float32)
        kept = cv2.LUT(np.asarray(cv2.cvtColor(cv2.absdiff(self._seen, seen), cv2.COLOR_RGB2GRAY)), self._shares)
        if logits.ndim == 3:  # broadcasting along a short axis takes longer
            kept = cv2.merge([kept] * logits.shape[-1])
        before -= logits
        before *= kept.reshape(before.shape)
        logits += before
        return _probabilities(logits)

    def over(self, found: np.ndarray, images: np.ndarray, examples: Sequence[Example]) -> np.ndarray:
        """Smooth what is found in a batch, float32 [B, ...], images uint8 [B, h, w, 3]; examples say what follows what.

        Those that are of no clip follow none, and stay as they are.
        """
        smooth = []
        for scores, image, example in zip(found, images, examples):
            if not follows(self._last, example):
                self.begin()
            self._last = example
            smooth.append(self(scores, image))
        return np.stack(smooth)


def check_keep(keep: float) -> None:
    """Refuse a share that is out of range."""
    if not 0 <= keep < 1:
        raise UsageError(f"--smooth is how much of the frame before is kept, from 0 to below 1, got {keep:g}")


def _logits(scores: np.ndarray) -> np.ndarray:
    # OpenCV takes half of NumPy's time for logarithms and exponentials.
    odds = np.clip(np.asarray(scores, np.float32), np.float32(LEAST), np.float32(1 - LEAST))
    if odds.ndim == 2:
        cv2.divide(odds, np.float32(1) - odds, odds)
    return cv2.log(odds).reshape(odds.shape)


def _probabilities(logits: np.ndarray) -> np.ndarray:
    """Give sigmoids, or the softmax over classes."""
    powers: np.ndarray = cv2.exp(logits if logits.ndim == 3 else -logits).reshape(logits.shape)
    if logits.ndim == 2:
        powers += 1
        return np.asarray(np.reciprocal(powers, out=powers))
    # A product with ones takes a tenth of the time of a sum along a short axis.
    return np.asarray(powers / (powers @ np.ones(logits.shape[2], np.float32))[..., None])
