"""TensorFlow Datasets as a source: `tfds:NAME[:SPLIT]`, prepared beforehand; nothing is downloaded here."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, MetricfitError, UsageError
from ..example import IGNORE, Example, Source, example_of
from ..images import NamedBytes, Seen, check_sizes, read_mask, read_seen
from ..names import Names
from ..pixel_files.known_classes import CITYSCAPES
from .annotations import mend_boxes
from .boxes.tfrecords import TfRecords

Records = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Mapping:
    """Which features of a data set become the image, mask, labels, objects and name of an example; empty for none.

    Attributes:
        codes: value in the mask feature -> 0 background, 1 salient, 255 ignore.
        classes: value in the label feature -> name of its class, in the order of the classes.
        void: values in the label feature that are ignored, besides 255.
        objects: each has a box and a class, called `bbox` and `label`, and perhaps `is_difficult`, `is_crowd`, `area`.
        first_pixel: from which number the boxes count pixels, see `annotations.mend_boxes`.
    """

    image: str = "image"
    mask: str = ""
    codes: dict[int, int] = field(default_factory=dict)
    labels: str = ""
    classes: dict[int, str] = field(default_factory=dict)
    void: tuple[int, ...] = ()
    objects: str = ""
    bbox: str = "bbox"
    label: str = "label"
    first_pixel: int = 0
    name: str = ""


MAPPINGS: dict[str, Mapping] = {
    # Trimaps: 1 animal, 2 background, 3 a border that is neither.
    "oxford_iiit_pet": Mapping(
        mask="segmentation_mask",
        codes={1: 1, 2: 0, 3: IGNORE},
        labels="segmentation_mask",
        classes={1: "animal", 2: "background", 3: "border"},
        name="file_name",
    ),
    "cityscapes": Mapping(
        image="image_left",
        labels="segmentation_label",
        classes={value: name for value, (name, _) in CITYSCAPES.items()},
        void=tuple(sorted(set(range(34)) - set(CITYSCAPES))),
        name="image_id",
    ),
    "saliency_sets": Mapping(mask="mask", codes={0: 0, 255: 1}, name="name"),
    # TFDS divides VOC's coordinates by the size and leaves them counting from 1.
    "voc": Mapping(objects="objects", first_pixel=1, name="image/filename"),
    "coco": Mapping(objects="objects", name="image/filename"),
}
"""Data set -> mapping. Another data set is one line here; for pictures alone any with a feature `image` will do."""


class TfdsSource(Source):
    """A split of a prepared TFDS data set; classes are its own, for masks `background` and `salient`."""

    ignores = True

    def __init__(self, name: str, builder: Any, data: Records, split: str, mapping: Mapping, needs: str):
        self.name = name
        self.class_names = {"mask": ("background", "salient"), "labels": tuple(mapping.classes.values())}.get(needs, ())
        if needs == "boxes":
            self.class_names = tuple(builder.info.features[mapping.objects][mapping.label].names)
        self._mapping, self._needs, self._data = mapping, needs, data
        counts = np.zeros(len(data), np.int64)

        def number(index: int) -> str:
            return f"{split}-{index:06d}"

        def named() -> Iterator[str]:
            for index in range(len(data)):
                record = data[index]
                if needs == "boxes":
                    counts[index] = len(record[mapping.objects][mapping.label])
                yield _text(record[mapping.name]) if mapping.name else number(index)

        self.names = Names(named() if mapping.name or needs == "boxes" else map(number, range(len(data))))
        if len(set(self.names)) < len(data):
            self.names = Names(f"{number(index)} {name}" for index, name in enumerate(self.names))
        self.box_counts = counts

    def __len__(self) -> int:
        return len(self._data)

    def load(self, index: int) -> Example:
        """See `Source`."""
        index = range(len(self))[index]
        name, record = self.names[index], self._data[index]
        image_name = f"{self._mapping.image} of {name} in {self.name}"
        # TFDS gives pictures as their pixels are stored, and boxes for these.
        encoded, repairs = NamedBytes(record[self._mapping.image], image_name), list[str]()
        seen = read_seen(encoded, upright=self._needs != "boxes", repairs=repairs, files=self.files)
        if self._needs == "boxes":
            return self._with_boxes(seen, record[self._mapping.objects], name, repairs)
        if self._needs not in ("mask", "labels"):
            return example_of(seen, name=name, repairs=tuple(repairs))
        feature = self._mapping.mask if self._needs == "mask" else self._mapping.labels
        mask_name = f"{feature} of {name} in {self.name}"
        most = self.files.max_megapixels
        values = read_mask(NamedBytes(record[feature], mask_name), kind=self._needs, max_megapixels=most)
        check_sizes(seen.size, values, image_name, mask_name, self._needs)
        values = self._recode(values, mask_name)
        if self._needs == "mask":
            return example_of(seen, mask=values, name=name, repairs=tuple(repairs))
        return example_of(seen, labels=values, name=name, repairs=tuple(repairs))

    def _with_boxes(self, seen: Seen, objects: dict[str, Any], name: str, repairs: list[str]) -> Example:
        height, width = seen.size
        shares = np.array(objects[self._mapping.bbox], np.float64).reshape(-1, 4)
        if not np.isfinite(shares).all():
            raise DataError(f"a bbox of {name} in {self.name} holds no number: prepare the data set again")
        # Shares of the sides as (y, x, y, x) in float32; no data set says more than hundredths of a pixel.
        written = np.round(shares[:, [1, 0, 3, 2]] * [width, height, width, height], 2)
        boxes, kept, mended = mend_boxes(written, (height, width), first_pixel=self._mapping.first_pixel)
        difficult, crowd = (
            np.array(objects.get(key, np.zeros(len(shares))), bool)[kept] for key in ("is_difficult", "is_crowd")
        )
        return example_of(
            seen,
            boxes=boxes,
            classes=np.array(objects[self._mapping.label], np.int32)[kept],
            name=name,
            difficult=difficult if difficult.any() else None,
            crowd=crowd if crowd.any() else None,
            areas=np.array(objects["area"], np.float32)[kept] if "area" in objects else None,
            repairs=(*repairs, *mended),
        )

    def _recode(self, values: np.ndarray, mask_name: str) -> np.ndarray:
        codes = self._mapping.codes
        if self._needs == "labels":
            codes = {value: index for index, value in enumerate(self._mapping.classes)}
            codes |= dict.fromkeys((*self._mapping.void, IGNORE), IGNORE)
        unknown = sorted(set(np.unique(values).tolist()) - set(codes))
        if unknown:
            raise DataError(
                f"mask {mask_name} holds {unknown[:4]}, expected {sorted(codes)}: prepare the data set again"
            )
        table = np.zeros(256, np.uint8)
        table[list(codes)] = list(codes.values())
        return np.asarray(table[values])


def _text(value: Any) -> str:
    value = value.item() if isinstance(value, np.ndarray) else value
    return value.decode() if isinstance(value, bytes) else str(value)


def usual_of_name(rest: str) -> str:
    """Tell what a data set is usually asked for, by what is known of its features."""
    return "boxes" if MAPPINGS.get(re.split("[:/]", rest)[0], Mapping()).objects else "mask"


def usable_tfds() -> Any:
    """Import TensorFlow Datasets; UsageError where a library of its own keeps it from being loaded."""
    import tensorflow_datasets as tfds

    # It prints such an error, and is imported without its parts.
    if not hasattr(tfds, "core"):
        raise UsageError(
            "TensorFlow Datasets cannot be loaded with the libraries that are installed: with TensorFlow before 2.20, "
            "whose protobuf is older, pip install 'tensorflow-metadata<1.18'"
        )
    return tfds


def open_named(rest: str, needs: str) -> TfdsSource:
    """Open `NAME[:SPLIT]`, by default `train` or the only split; only `saliency_sets` are prepared if need be."""
    tfds = usable_tfds()
    name, _, split = rest.partition(":")
    if not name:
        raise UsageError("expected tfds:NAME[:SPLIT], such as tfds:oxford_iiit_pet:train; got no name")
    own = name.split("/")[0] == "saliency_sets"
    if own:
        from .saliency_sets import SaliencySets  # noqa: F401  (registers itself as a builder)
    data_dir = os.environ.get("TFDS_DATA_DIR")
    try:
        builder = tfds.builder(name, data_dir=data_dir)
        if not builder.info.splits:
            builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
    except tfds.core.registered.DatasetNotFoundError as error:
        catalogue = "https://www.tensorflow.org/datasets/catalog"
        raise UsageError(f"there is no TFDS data set {name}: see {catalogue}") from error
    except (ValueError, AssertionError) as error:
        told = " ".join(str(error).split())
        raise UsageError(f"tfds cannot open {name}, which is no folder either: {told}") from error
    mapping = _mapping(builder, needs)
    if own and not builder.info.splits:
        _prepare(builder)
    return open_split(f"tfds:{rest}", name, builder, split, mapping, needs)


def open_split(text: str, name: str, builder: Any, split: str, mapping: Mapping, needs: str) -> TfdsSource:
    """Open a split of a data set called `name`, by default `train` or the only one; `text` names the source."""
    import tensorflow_datasets as tfds

    splits = builder.info.splits
    split = split or ("train" if "train" in splits else next(iter(splits), "train"))
    # Not decoded, so that pictures from here go through the same reader as all others.
    features = builder.info.features.items()
    pictures = {key: tfds.decode.SkipDecoding() for key, kind in features if isinstance(kind, tfds.features.Image)}
    command = (
        f"python -c \"import tensorflow_datasets as tfds; tfds.builder('{name}', "
        "file_format='array_record').download_and_prepare()\""
    )
    try:
        if splits and builder.info.file_format is tfds.core.FileFormat.TFRECORD:
            data: Records = TfRecords(builder, split, pictures)
        else:
            data = builder.as_data_source(split, decoders=pictures)
    except NotImplementedError as error:
        raise DataError(
            f"tfds data set {name} is prepared as {builder.info.file_format.value}, which has no random "
            f"access, in {builder.data_dir}: prepare it in another folder (TFDS_DATA_DIR) with {command}"
        ) from error
    except (AssertionError, ValueError, KeyError) as error:
        if not splits:
            raise DataError(
                f"tfds data set {name} is not prepared in {builder.data_dir} (TFDS_DATA_DIR names another "
                f"place for all data sets): where there is a network, run {command}"
            ) from error
        raise UsageError(f"tfds data set {name} has no split {split}: it has {', '.join(splits)}") from error
    if not len(data):
        raise DataError(f"split {split} of {name} has no example: choose another split, or prepare the data set again")
    return TfdsSource(text, builder, data, split, mapping, needs)


def _mapping(builder: Any, needs: str) -> Mapping:
    found = ", ".join(sorted(builder.info.features))
    mapping = MAPPINGS.get(builder.name)
    if needs == "none" and "image" in builder.info.features:
        return mapping or Mapping()
    part = {"mask": "mask", "labels": "labels", "boxes": "objects"}.get(needs, "")
    if not part or mapping is None or getattr(mapping, part) not in builder.info.features:
        wanted = {"mask": "masks", "none": "pictures"}.get(needs, needs)
        known = ", ".join(name for name, mapping in MAPPINGS.items() if part and getattr(mapping, part)) or "none"
        raise UsageError(
            f"expected a TFDS data set with known {wanted} ({known}); {builder.name} has the features {found}"
        )
    return mapping


def _prepare(builder: Any) -> None:
    """Prepare the project's own data sets from archives that are already here."""
    # Looked for first: once TFDS has begun, it leaves folders behind and prints about all sets.
    builder.find_splits(Path(builder.data_dir_root) / "downloads" / "manual")
    try:
        builder.download_and_prepare()
    except MetricfitError:
        raise
    except Exception as error:  # TFDS rewraps what a builder raises, in kinds of its own
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MetricfitError):
                raise cause from error
            cause = cause.__cause__
        raise DataError(f"{builder.info.full_name} could not be prepared in {builder.data_dir}: {error}") from error
