"""The colours of classes, the same in contact sheets, figures, TensorBoard and the demo."""

import numpy as np


def class_colours(count: int) -> np.ndarray:
    """Give colours that are easy to tell apart.

    Returns:
        uint8 [count, 3], RGB.
    """
    from matplotlib.colors import hsv_to_rgb

    # Steps of the golden ratio keep neighbouring classes apart, however many there are.
    hues = (0.97 + 0.618034 * np.arange(count)) % 1.0
    values = np.where(np.arange(count) % 2 == 0, 1.0, 0.8)
    return np.round(hsv_to_rgb(np.stack([hues, np.full(count, 0.75), values], axis=1)) * 255).astype(np.uint8)
