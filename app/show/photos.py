"""A few real photos that anyone may use: scikit-image's, when it is installed."""

import numpy as np

# CC0 or public domain, and small enough to lie inside scikit-image's wheel.
PHOTOS = {"cat": "chelsea", "coffee": "coffee", "astronaut": "astronaut", "rocket": "rocket"}


def real_photos() -> dict[str, np.ndarray]:
    """Give photos by name, uint8 [H, W, 3] RGB; none where scikit-image is not installed."""
    try:
        import skimage.data
    except ImportError:
        return {}
    return {name: getattr(skimage.data, function)() for name, function in PHOTOS.items()}
