"""Where each pixel of a frame was in the frames before it."""

import numpy as np

from .flow import grid, sampled

MEMORY = 3  # frames back
LEAST = 0.3
"""Where the motion of fewer pixels is known, the scene was cut: between pictures that have nothing in common, flow
follows up to a sixth of them by chance."""


class Trails:
    """The way of each pixel of the newest frame of a clip, through at most `MEMORY` frames before it.

    Attributes:
        places: float32 [H, W, 2] for each frame back, the nearest first: (x, y) of each pixel there.
        known: bool [H, W] for each of these: where the places are known and in the picture.
        share: of the pixels, those whose motion from the frame before is known; 0 at the beginning of a clip.
        cut: whether the newest frame begins a new scene, though not said to begin a clip.
    """

    def __init__(self) -> None:
        self.places: list[np.ndarray] = []
        self.known: list[np.ndarray] = []
        self.share, self.cut = 0.0, False

    def begin(self) -> None:
        """Take the newest frame for the first one of a clip."""
        self.places, self.known, self.share, self.cut = [], [], 0.0, False

    def advance(self, motion: np.ndarray) -> None:
        """Take in the next frame by its motion, as of `flow_between`, float32 [H, W, 2]."""
        height, width = motion.shape[:2]
        moves = np.isfinite(motion).all(axis=-1)
        here = grid((height, width)) + np.where(moves[..., None], motion, np.float32(0))
        moves &= (here >= 0).all(axis=-1) & (here[..., 0] <= width - 1) & (here[..., 1] <= height - 1)
        share = float(moves.mean())
        if share < LEAST:
            self.begin()
            self.cut = True
            return
        places, known = [here], [moves]
        for place, was_known in zip(self.places[: MEMORY - 1], self.known):
            places.append(sampled(place, here))
            # Every pixel that has a share in the place must be known.
            known.append(moves & (sampled(was_known.astype(np.float32), here) > 0.999))
        self.places, self.known, self.share, self.cut = places, known, share, False
