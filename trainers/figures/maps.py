"""The panels of a saliency model: image, mask and prediction."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from .history import history_figure  # noqa: F401
from .rendering import save, to_png_array  # noqa: F401
from .style import COLOURS, IGNORED, INK, frame, new_figure, shortened  # noqa: F401
from .thresholds import threshold_figure  # noqa: F401


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
    count = len(images)
    names = names if names is not None else [""] * count
    if not count or not len(masks) == len(predictions) == len(names) == count:
        raise ValueError(
            f"panels need as many masks, predictions and names as images, and one at least; "
            f"got {count}, {len(masks)}, {len(predictions)}, {len(names)}"
        )
    groups = 2 if count > 4 else 1
    rows = -(-count // groups)
    aspect = float(np.median([image.shape[0] / image.shape[1] for image in images]))
    side = 1.75
    width = groups * 3 * side + (groups - 1) * 0.2 + 0.3
    figure = new_figure(width, rows * side * aspect + 0.35 + (0.3 if title else 0))
    figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0, hspace=0)
    if title:
        figure.suptitle(title, fontsize=11, color=INK)
    ratios = ([1, 1, 1, 0.08] * groups)[:-1]
    grid = figure.add_gridspec(rows, 4 * groups - 1, width_ratios=ratios)
    for index, (image, mask, prediction, name) in enumerate(zip(images, masks, predictions, names)):
        group, row = divmod(index, rows)
        for column, picture in enumerate((image, _mask_picture(mask, image.shape[:2], ignore), prediction)):
            axes = frame(figure.add_subplot(grid[row, 4 * group + column]))
            axes.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
            if row == 0:
                axes.set_title(("Image", "Mask", "Prediction")[column], fontsize=10, color=INK, pad=4)
            if column == 0 and name:
                axes.set_ylabel(shortened(str(name)), fontsize=7, color=INK, labelpad=3)
    return figure


def _mask_picture(mask, shape, ignore):
    """Give RGB in [0, 1]: black, white, and grey where ignored; all grey where there is no mask."""
    if mask is None:
        return np.full((*shape, 3), IGNORED)
    mask = np.asarray(mask)
    picture = np.repeat((mask == 1).astype(np.float64)[..., None], 3, axis=-1)
    picture[mask == ignore] = IGNORED
    return picture
