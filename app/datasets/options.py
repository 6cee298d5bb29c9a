"""What the verbs that make something of data can be told."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from ...trainers.data.writing.registry import FORMATS
from ...trainers.training.setting_types import ScanCache
from ..flags import SkipBad, Strict
from ..options import DataOptions

if TYPE_CHECKING:
    FormatName = str
else:
    FormatName = Literal[tuple(FORMATS)]


@dataclass(frozen=True)
class DataSplitOptions(DataOptions):
    """Divide data into parts: a list of names for each, beside the data. Pictures that belong together stay together.

    Example: metricfit data split photos --parts train=0.8 val=0.1 test=0.1
    """

    parts: tuple[str, ...] = ("train=0.8", "val=0.1", "test=0.1")
    """The name and share of each part."""
    by: Literal["auto", "group", "name"] = "auto"
    """group keeps pictures together whose folder and name before its last number agree, as frames of a film do; name
    divides picture by picture (copies that Roboflow made of one picture stay together); auto takes group, and name
    where all pictures are of one group (IMG_0001, IMG_0002, ...)."""
    group_pattern: str | None = None
    """What tells the group in a picture's name instead, as a regular expression: its first group, or all it finds."""
    out: str | None = None
    """Folder of the lists; by default beside the data, where the source looks for them."""
    seed: int = 0
    """Seed of the draw."""
    scan_cache: ScanCache = True


@dataclass(frozen=True)
class DataPackOptions(DataOptions):
    """Pack data into a few large files, which are read in any order, quickly and from afar: TFDS's own, of TFRecord.

    Example: metricfit data pack folder:photos --to photos_packed --shards 8
    """

    to: str = "packed"
    """The folder to make, anywhere TensorFlow's file systems reach, such as gs://bucket/photos."""
    shards: int = 1
    """How many files; workers that read at the same time are quicker with several."""
    size: Annotated[
        int | None,
        tyro.conf.arg(
            help="Reduce pictures, and their masks and boxes, to a shorter side of so many pixels, and store the "
            "pixels themselves, which are several times quicker to read. See docs/data.md for what that changes."
        ),
    ] = None
    file_format: Literal["tfrecord", "array_record"] = "tfrecord"
    """tfrecord is decoded by TensorFlow alone, anywhere; array_record by Python, on this machine."""
    skip_bad: SkipBad = False
    strict: Strict = False


@dataclass(frozen=True)
class DataConvertOptions(DataOptions):
    """Write data in another layout, or in the same one as it is read: masks thresholded and resized, boxes mended.

    Example: metricfit data convert labelme:photos --to yolo --out photos_yolo
    """

    to: FormatName = "folder"
    """folder for masks and class maps; voc, coco or yolo for boxes."""
    out: str = "converted"
    """The folder to make."""
    scan_cache: ScanCache = True
    skip_bad: SkipBad = False
    strict: Strict = False
