"""Figures as files and as arrays."""

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..files import written_beside


def save(figure: Figure, path: str | Path, *, dpi: int = 150) -> Path:
    """Write a figure beside `path`, then rename it there; the suffix gives the format. Return the path."""
    with written_beside(path) as beside:
        figure.savefig(beside, dpi=dpi)
    return Path(path)


def to_png_array(figure: Figure, *, dpi: int = 100) -> np.ndarray:
    """Draw a figure as uint8 [H, W, 3], RGB: what an image summary takes."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])
