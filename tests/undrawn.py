"""Figures that stay blank, for trainings whose figures nobody looks at."""

from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from metricfit.trainers.figures import rendering


class Blank:
    """What a figure is drawn on, for those who do not look at it."""

    def __init__(self, figure):
        self.draw = lambda: None

    def buffer_rgba(self):
        """Give a grey picture."""
        return np.full((8, 8, 4), 128, np.uint8)


@contextmanager
def undrawn():
    """Leave figures blank, which take two fifths of a small training: the runs that tests share have theirs drawn."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rendering, "FigureCanvasAgg", Blank)
        patch.setattr(rendering.Figure, "savefig", lambda self, path, **_: Image.new("RGB", (8, 8)).save(path, "PNG"))
        yield
