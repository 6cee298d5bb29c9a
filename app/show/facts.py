"""What results say of themselves: counts, JSON, and what supervision takes."""

from typing import Any

import cv2
import numpy as np

from .overlay_boxes import Boxes
from .parts import Parts


def describe(mask: np.ndarray) -> dict[str, Any]:
    """Say where the foreground is: uint8 [H, W], 0 or 255. The box's x1 and y1 are exclusive, it is None when empty."""
    x, y, width, height = cv2.boundingRect(mask)
    return {
        "salient_share": round(cv2.countNonZero(mask) / mask.size, 6),
        "bounding_box": [x, y, x + width, y + height] if width else None,
    }


def listed(found: Boxes) -> list[dict[str, Any]]:
    """Give objects as JSON has them."""
    each = zip(*(part.tolist() for part in (found.boxes, found.scores, found.classes)))
    return [
        {"class": found.name(index), "score": float(f"{score:.6g}"), "box": [round(side, 2) for side in box]}
        for box, score, index in each
    ]


def listed_parts(found: Parts) -> list[dict[str, Any]]:
    """Give parts as JSON has them, with their share of the picture."""
    shares = found.shares.tolist()
    return [{**one, "share": round(share, 6)} for one, share in zip(listed(found), shares, strict=True)]


def counted(count: int, noun: str, plural: str) -> str:
    """Write how many there are, with the ending of the plural where it is due."""
    return f"{count} {noun}{'' if count == 1 else plural}"


def classes_of(indices: list[int], names: list[str]) -> dict[str, Any]:
    """Give classes in supervision's words."""
    return {"class_id": np.array(indices, int), "data": {"class_name": np.array(names, str)}}


def masks_of(seen: list[int], labels: np.ndarray, scores: np.ndarray, names: tuple[str, ...]) -> dict[str, Any]:
    """Give masks of the classes that are seen, with their boxes and mean scores, in supervision's words."""
    masks = np.array([labels == index for index in seen], bool).reshape(-1, *labels.shape)
    boxes = [describe(mask.view(np.uint8) * np.uint8(255))["bounding_box"] for mask in masks]
    return {
        "xyxy": np.array(boxes, np.float32).reshape(-1, 4),
        "mask": masks,
        "confidence": np.array([scores[mask].mean() for mask in masks], np.float32),
        **classes_of(seen, [names[index] for index in seen]),
    }
