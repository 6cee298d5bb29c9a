"""What a mask must be before it is used."""

import numpy as np

from ..errors import DataError


def check_sizes(image: np.ndarray, mask: np.ndarray, image_name: object, mask_name: object, kind: str = "mask") -> None:
    """Refuse a mask that has not the size of its (upright) image.

    Raises:
        DataError: If the sizes differ.
    """
    if mask.shape != image.shape[:2]:
        raise DataError(
            f"{kind} {mask_name} is {mask.shape[1]}x{mask.shape[0]}, its image {image_name} is "
            f"{image.shape[1]}x{image.shape[0]}: resize one of them"
        )


def binary_mask(values: np.ndarray, mask_name: object) -> np.ndarray:
    """Turn the two values of a mask file into 0 and 1; the larger one is salient.

    A mask of one value is all background when that is 0, and all salient otherwise. There is no threshold: a mask of
    more values (smoothed edges, JPEG compression) is refused, because where its border lies is not ours to choose.

    Args:
        values: uint8 [H, W], as stored.
        mask_name: For the error.

    Returns:
        uint8 [H, W] of 0 and 1.

    Raises:
        DataError: If there are more than two values.
    """
    present = np.flatnonzero(np.bincount(values.ravel(), minlength=256))
    if len(present) > 2:
        listed = ", ".join(str(value) for value in present[:4]) + (", ..." if len(present) > 4 else "")
        raise DataError(
            f"mask {mask_name} holds {len(present)} values ({listed}), "
            f"a saliency mask holds two, for background and salient: threshold it and save it as PNG"
        )
    return (values == present[-1]).astype(np.uint8) if present[-1] > 0 else np.zeros_like(values)
