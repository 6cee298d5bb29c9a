"""The layouts that data can be written in; imports nothing, so that help texts are quick."""

FORMATS: dict[str, tuple[str, ...]] = {
    "folder": ("mask", "labels"),
    "voc": ("boxes",),
    "coco": ("boxes",),
    "yolo": ("boxes",),
}
"""Layout -> the targets that it can hold; its writer is in `WRITERS` of convert.py."""
