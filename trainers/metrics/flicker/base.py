"""What flicker of maps and of class maps share: which frames are held against each other, and what is added up."""

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ...errors import MetricfitError
from ..exact_sums import ExactSum
from ..streaming import Streaming
from .trails import MEMORY, Trails


@dataclass(frozen=True)
class Followed:
    """How much of the clips was followed."""

    frames: int
    pairs: int  # of frames in a row that were held against each other
    windows: int  # of three frames in a row or more, in which something can blink
    cuts: int  # frames that begin a new scene within a clip
    share: float  # of the pixels of the pairs, those whose motion is known

    def to_dict(self) -> dict[str, Any]:
        """Give plain numbers for JSON."""
        return dict(vars(self))


class Flicker(Streaming, ABC):
    """Adds up how the frames of clips differ, one by one in their order; two of different clips can be merged.

    Only pixels whose motion is known count. A clip's first frame, and the first one after a cut, is held against none;
    so is one of another size than the frame before it.
    """

    _sums: ClassVar[tuple[str, ...]] = ("frames", "pairs", "windows", "cuts", "_share", "_flicker", "_blink")

    def __init__(self, shape: tuple[int, ...] = ()):
        self.frames = self.pairs = self.windows = self.cuts = 0
        self._share, self._flicker, self._blink = ExactSum(), ExactSum(shape), ExactSum(shape)
        self._past: deque[np.ndarray] = deque(maxlen=MEMORY)

    def update(self, found: np.ndarray, trails: Trails) -> None:
        """Take in the next frame: what was found, and the way of its pixels, which knows where a clip begins."""
        if not trails.places or (self._past and self._past[0].shape != found.shape):
            self._past.clear()
        self.frames += 1
        self.cuts += trails.cut
        before = [self._moved(past, place) for past, place in zip(self._past, trails.places)]
        self._past.appendleft(found)
        if not before:
            return
        self.pairs += 1
        self._share.add(trails.share)
        self._flicker.add(self._change(found, before[0], trails.known[0]))
        if len(before) > 1 and trails.known[1].any():
            self.windows += 1
            self._blink.add(self._blinking(found, before, trails.known))

    @property
    def followed(self) -> Followed:
        """How much was followed so far; MetricfitError where no two frames were held against each other."""
        if self.pairs == 0:
            raise MetricfitError(
                f"flicker needs two frames in a row whose motion is known, got none among {self.frames}: give a "
                "longer clip"
            )
        share = float(self._share.value) / self.pairs
        return Followed(self.frames, self.pairs, self.windows, self.cuts, share)

    @abstractmethod
    def _moved(self, past: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Bring what was found in an earlier frame to where its pixels are now."""

    @abstractmethod
    def _change(self, now: np.ndarray, before: np.ndarray, known: np.ndarray) -> Any:
        """Give 1 - IoU of two frames, over the known pixels, of which there are some."""

    @abstractmethod
    def _blinking(self, now: np.ndarray, before: list[np.ndarray], known: list[np.ndarray]) -> Any:
        """Give the share of pixels that have changed back, of those known two frames before."""
