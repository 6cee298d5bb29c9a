"""The panels of a saliency model: image, mask and prediction."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from .panels import Look, check_panels, panel_grid, shows
from .style import IGNORED

_LOOK = Look(("Image", "Mask", "Prediction"), side=1.75, most=4)


def panels_figure(
    images: Sequence[np.ndarray],
    masks: Sequence[np.ndarray | None],
    predictions: Sequence[np.ndarray],
    names: Sequence[str] | None = None,
    *,
    ignore: int = 255,
    title: str = "",
) -> Figure:
    """Draw one row an example: image, mask, prediction. Two examples stand side by side from five on.

    Args:
        images: uint8 [H, W, 3] each, RGB.
        masks: integer [H, W] each with 0, 1 and `ignore` (drawn grey), or None where unknown.
        predictions: float [H, W] each, in [0, 1].
        names: written beside each row.
        ignore: the mask value of pixels that do not count.
        title: line above the figure.

    Raises:
        ValueError: no images, or lists of different lengths.
    """
    names = names if names is not None else [""] * len(images)
    check_panels(images, masks, predictions, names)
    cells = [
        [shows(picture) for picture in (image, _mask_picture(mask, image.shape[:2], ignore), prediction)]
        for image, mask, prediction in zip(images, masks, predictions, strict=True)
    ]
    return panel_grid(_LOOK, images, cells, names, title=title)


def _mask_picture(mask: np.ndarray | None, shape: tuple[int, ...], ignore: int) -> np.ndarray:
    """Give RGB in [0, 1]: black, white, and grey where ignored; all grey where there is no mask."""
    if mask is None:
        return np.full((*shape, 3), IGNORED)
    mask = np.asarray(mask)
    picture = np.repeat((mask == 1).astype(np.float64)[..., None], 3, axis=-1)
    picture[mask == ignore] = IGNORED
    return picture
