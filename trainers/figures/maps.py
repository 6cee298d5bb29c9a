"""The panels of a saliency model: image, mask and prediction."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ..geometry import IGNORE
from .panels import Look, Picture, panel_grid, shows
from .style import IGNORED

_LOOK = Look(("Image", "Mask", "Prediction"), side=1.75, most=4)


def panels_figure(pictures: Sequence[Picture], *, title: str = "") -> Figure:
    """Draw one row an example, its mask integer [H, W] or None, its prediction float [H, W] in [0, 1]."""
    cells = [
        [shows(picture) for picture in (image, _mask_picture(mask, image.shape[:2]), prediction)]
        for image, mask, prediction, _ in pictures
    ]
    return panel_grid(_LOOK, pictures, cells, title=title)


def _mask_picture(mask: np.ndarray | None, shape: tuple[int, ...]) -> np.ndarray:
    """Give RGB in [0, 1]: black, white, and grey where ignored; all grey where there is no mask."""
    if mask is None:
        return np.full((*shape, 3), IGNORED)
    mask = np.asarray(mask)
    picture = np.repeat((mask == 1).astype(np.float64)[..., None], 3, axis=-1)
    picture[mask == IGNORE] = IGNORED
    return picture
