"""What drawing costs, as a multiple of what OpenCV does beside it."""

import time
from collections.abc import Callable

import cv2
import numpy as np


def times_a_blur(image: np.ndarray, draw: Callable[[], object]) -> float:
    """Give the processor time of drawing by that of a blur of 31x31 of the same picture, best of eight in turns."""
    taken: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(8):
        for drawing in taken:
            start = time.process_time()
            draw() if drawing else cv2.GaussianBlur(image, (31, 31), 0)
            taken[drawing].append(time.process_time() - start)
    return min(taken[True]) / min(taken[False])
