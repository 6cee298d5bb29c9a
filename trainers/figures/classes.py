"""The pictures of a segmentation: class maps beside the true ones."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from ..colours import class_palette
from ..geometry import IGNORE
from .panels import Look, Picture, panel_grid, shows
from .style import IGNORED, shortened

MOST_IN_LEGEND = 24
_LOOK = Look(("Image", "Truth", "Prediction"), side=2.1, most=3)


def label_panels_figure(pictures: Sequence[Picture], class_names: Sequence[str], *, title: str = "") -> Figure:
    """Draw one row an example, its true and predicted classes integer [H, W]; the legend has those that are seen."""
    labels, predictions = [one.truth for one in pictures], [one.found for one in pictures]
    seen = sorted({int(value) for part in (*labels, *predictions) for value in np.unique(part)} - {IGNORE})
    colours = class_palette(class_names) / 255
    patches = [Patch(color=colours[index], label=shortened(class_names[index])) for index in seen[:MOST_IN_LEGEND]]
    if len(seen) > MOST_IN_LEGEND:
        patches.append(Patch(alpha=0, label=f"and {len(seen) - MOST_IN_LEGEND} more"))
    if any((part == IGNORE).any() for part in labels):
        patches.append(Patch(color=IGNORED, label="ignored"))
    table = np.full((256, 3), IGNORED)  # RGB in [0, 1]
    table[: len(colours)] = colours
    table[IGNORE] = IGNORED
    cells = [[shows(picture) for picture in (image, table[truth], table[found])] for image, truth, found, _ in pictures]
    columns = 4 * _LOOK.groups(len(pictures))
    return panel_grid(_LOOK, pictures, cells, patches=patches, legend_columns=columns, title=title)
