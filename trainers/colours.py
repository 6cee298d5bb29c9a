"""The colours of classes, the same in contact sheets, figures, TensorBoard and the demo."""

from collections.abc import Sequence

import numpy as np

BACKGROUND = (33, 33, 38)  # nearly black, for what is no object


def class_colours(count: int) -> np.ndarray:
    """Give RGB colours that are easy to tell apart, uint8 [count, 3]."""
    from matplotlib.colors import hsv_to_rgb

    # Steps of the golden ratio keep neighbouring classes apart, however many there are.
    hues = (0.97 + 0.618034 * np.arange(count)) % 1.0
    values = np.where(np.arange(count) % 2 == 0, 1.0, 0.8)
    return np.round(hsv_to_rgb(np.stack([hues, np.full(count, 0.75), values], axis=1)) * 255).astype(np.uint8)


def class_palette(class_names: Sequence[str]) -> np.ndarray:
    """Give the colours of a class map's classes, uint8 [n, 3]: nearly black for a first class called background."""
    palette = class_colours(len(class_names))
    if class_names and class_names[0] == "background":
        palette[0] = BACKGROUND
    return palette


def hexadecimal_palette(class_names: Sequence[str]) -> dict[str, str]:
    """Give the palette as `#rrggbb` by name."""
    return {name: "#{:02x}{:02x}{:02x}".format(*rgb) for name, rgb in zip(class_names, class_palette(class_names))}
