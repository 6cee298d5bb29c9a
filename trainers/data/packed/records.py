"""One example as a record of TFDS, and back: pictures as files within it, and everything that is known about them."""

import io
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ..example import Example, example_of
from ..images import NamedBytes, Seen, read_mask, read_seen, turned
from ..pixel_files.coding import FileCoding

ROWS = 8
"""Numbers of a box: its corners in pixels of the upright picture, its class, difficult, crowd, and its area or NaN."""

BACK = {6: 8, 8: 6}
"""Orientations of EXIF that undo another; the others undo themselves."""


class Held(NamedTuple):
    """What is decoded from a record: as it is stored, not turned yet.

    Attributes:
        image: uint8 [h, w, 3].
        pixels: the mask or class map, uint8 [H, W]; [0, 0] where there is none.
        rows: boxes, float32 [n, ROWS].
        about: orientation, and (height, width) of the upright picture itself; int64 [3].
    """

    image: np.ndarray
    pixels: np.ndarray
    rows: np.ndarray
    about: np.ndarray


def features(needs: str, class_names: tuple[str, ...], reduced: bool) -> Any:
    """Describe the records to TFDS; reduced pictures and their masks are stored as their pixels, others as files."""
    import tensorflow_datasets as tfds

    def picture(channels: int) -> Any:
        shape = (None, None, channels)
        plain = tfds.features.Tensor(shape=shape, dtype=np.uint8, encoding="bytes")
        return plain if reduced else tfds.features.Image(shape=shape)

    kinds = {
        "image": picture(3),
        "name": tfds.features.Text(),
        "orientation": tfds.features.Scalar(np.int64),
        "height": tfds.features.Scalar(np.int64),
        "width": tfds.features.Scalar(np.int64),
    }
    if needs in ("mask", "labels"):
        kinds[needs] = picture(1)
    if needs == "boxes":
        kinds["objects"] = tfds.features.Sequence(
            {
                "bbox": tfds.features.BBoxFeature(),
                "label": tfds.features.ClassLabel(names=list(class_names)),
                "is_difficult": np.bool_,
                "is_crowd": np.bool_,
            }
        )
        # As they are used; a bbox is rounded, and belongs to the picture as it is stored.
        kinds["rows"] = tfds.features.Tensor(shape=(None, ROWS), dtype=np.float32)
    return tfds.features.FeaturesDict(kinds)


def to_record(example: Example, encoded: bytes | None, orientation: int, needs: str) -> dict[str, Any]:
    """Make of an example, and of its picture as a file that EXIF turns, what TFDS encode; without a file, of pixels."""
    import tensorflow_datasets as tfds

    height, width = example.size
    record: dict[str, Any] = {
        "image": example.image if encoded is None else io.BytesIO(encoded),
        "name": example.name.encode("utf-8", "surrogateescape"),
        "orientation": orientation,
        "height": height,
        "width": width,
    }
    if needs in ("mask", "labels"):
        pixels = example.mask if needs == "mask" else example.labels
        assert pixels is not None
        stored = turned(pixels, BACK.get(orientation, orientation))
        record[needs] = stored[..., None] if encoded is None else io.BytesIO(png(stored))
    if needs == "boxes":
        rows = _rows(example)
        shares = np.clip(stored_shares(rows[:, :4] / [width, height, width, height], orientation), 0, 1)
        record["rows"] = rows
        record["objects"] = [
            {
                "bbox": tfds.features.BBox(ymin=y0, xmin=x0, ymax=y1, xmax=x1),
                "label": int(row[4]),
                "is_difficult": bool(row[5]),
                "is_crowd": bool(row[6]),
            }
            for (x0, y0, x1, y1), row in zip(shares.astype(np.float64).tolist(), rows)
        ]
    return record


def _rows(example: Example) -> np.ndarray:
    assert example.boxes is not None
    assert example.classes is not None
    rows = np.zeros((len(example.boxes), ROWS), np.float32)
    rows[:, :4], rows[:, 4], rows[:, 7] = example.boxes, example.classes, np.nan
    for column, values in ((5, example.difficult), (6, example.crowd), (7, example.areas)):
        if values is not None:
            rows[:, column] = values
    return rows


def stored_shares(boxes: np.ndarray, orientation: int) -> np.ndarray:
    """Bring boxes [n, 4] in shares of an upright picture to the picture as it is stored."""
    x, y = boxes[:, [0, 2]], boxes[:, [1, 3]]
    if orientation >= 5:
        x, y = y, x
    mirrored_x, mirrored_y = orientation in (2, 3, 7, 8), orientation in (3, 4, 6, 7)
    x = 1 - x[:, ::-1] if mirrored_x else x
    y = 1 - y[:, ::-1] if mirrored_y else y
    return np.stack([x[:, 0], y[:, 0], x[:, 1], y[:, 1]], axis=1)


def png(values: np.ndarray, level: int = 6) -> bytes:
    """Write uint8 [H, W] or [H, W, 3] as a PNG file; level 0 does not compress."""
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG", compress_level=level)
    return file.getvalue()


def held_in(record: bytes, needs: str, name: str) -> Held:
    """Decode a record by the program's own reader."""
    import tensorflow as tf

    said = tf.train.Example.FromString(record).features.feature
    about = np.array([said[key].int64_list.value[0] for key in ("orientation", "height", "width")])

    def file(key: str) -> NamedBytes:
        return NamedBytes(said[key].bytes_list.value[0], f"{key} of {name}")

    def plain(key: str) -> np.ndarray:
        shape = said[f"{key}/shape"].int64_list.value
        return np.frombuffer(said[f"{key}/value"].bytes_list.value[0], np.uint8).reshape(shape)

    whole = FileCoding(max_megapixels=1e9, whole=True)
    image = read_seen(file("image"), upright=False, files=whole).image if "image" in said else plain("image")
    pixels, rows = np.zeros((0, 0), np.uint8), np.zeros((0, ROWS), np.float32)
    if needs in ("mask", "labels"):
        read = needs in said
        pixels = read_mask(file(needs), kind=needs, max_megapixels=1e9) if read else plain(needs)[..., 0]
    if needs == "boxes":
        rows = np.array(said["rows"].float_list.value, np.float32).reshape(-1, ROWS)
    return Held(image, pixels, rows, about)


def example_from(held: Held, needs: str, name: str) -> Example:
    """Make the example of what was decoded: turned upright, with what is needed of it."""
    orientation, height, width = map(int, held.about)
    seen = Seen(turned(held.image, orientation), (height, width))
    if needs in ("mask", "labels"):
        return example_of(seen, name=name, **{needs: turned(held.pixels, orientation)})
    if needs == "none":
        return example_of(seen, name=name)
    rows = held.rows
    difficult, crowd, areas = rows[:, 5] > 0, rows[:, 6] > 0, rows[:, 7]
    return example_of(
        seen,
        name=name,
        boxes=np.ascontiguousarray(rows[:, :4]),
        classes=rows[:, 4].astype(np.int32),
        difficult=difficult if difficult.any() else None,
        crowd=crowd if crowd.any() else None,
        areas=None if np.isnan(areas).any() or not len(areas) else np.ascontiguousarray(areas),
    )
