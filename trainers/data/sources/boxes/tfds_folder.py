"""Data that TensorFlow Datasets have prepared in a folder, as TFRecord or otherwise: `tfds:PATH[:SPLIT]`."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ....errors import DataError, UsageError, first_line
from ....text import counted, cut, read_json
from ...example import Source
from ..layouts.base import DECLARED, Asked, Reading, Tree
from ..layouts.names import same_split
from ..tfds import MAPPINGS, Mapping, open_named, open_split, usual_of_name

_INFO, _FEATURES = "dataset_info.json", "features.json"
_NAMES = ("image/filename", "file_name", "filename", "name", "image/id", "image_id", "id")


def open_tfds(rest: str, needs: str) -> Source:
    """Open `NAME[:SPLIT]` of a data set that TFDS know, or `PATH[:SPLIT]`, a folder that they have prepared."""
    if (found := _prepared(rest)) is None:
        return open_named(rest, needs)
    return _open(f"tfds:{rest}", *found, needs)


def usual_of_tfds(rest: str) -> str:
    """Tell what a data set is usually asked for, by what is known of its features."""
    found = _prepared(rest)
    if found is None:
        return usual_of_name(rest)
    return "boxes" if _has_boxes(found[0]) else "mask"


def _prepared(rest: str) -> tuple[Path, str] | None:
    """Give the folder of the files and the split of a path; None where it is no path but a name."""
    # The split may be a slice with a colon of its own, train[10:].
    ends = [len(rest), *(place for place, letter in enumerate(rest) if letter == ":")]
    end = next((end for end in ends if rest[:end] and Path(rest[:end]).expanduser().is_dir()), None)
    if end is None:
        return None
    path, split = Path(rest[:end]).expanduser(), rest[end + 1 :]
    found = sorted(file.parent for depth in ("", "*/", "*/*/", "*/*/*/") for file in path.glob(f"{depth}{_INFO}"))
    if not found:
        return None
    if len(found) > 1:
        listed = ", ".join(f"tfds:{folder}" for folder in found[:4])
        raise DataError(f"{path} holds {len(found)} data sets or versions: name one, such as {listed}")
    return found[0], split


def tfds_readings(tree: Tree, asked: Asked) -> Iterator[Reading]:
    """Find a folder that TFDS have prepared; nothing but its description is read."""
    files = tree.files(_INFO)
    if len(files) != 1 or not _has_boxes(files[0].parent):
        return
    folder = files[0].parent
    said = read_json(files[0])
    try:
        counts = {one["name"]: sum(map(int, one.get("shardLengths", ()))) for one in said.get("splits", ())}
    except (AttributeError, TypeError, ValueError, KeyError) as error:
        raise DataError(f"{files[0]} is not as TFDS write it ({error}): copy it again, or prepare it again") from error
    chosen = [name for name in counts if not tree.split or same_split(name, tree.split)]
    if chosen:
        says = f"{said.get('name', folder.name)} as TFDS have prepared it, {counted(counts[chosen[0]], 'picture')}"
        splits = tuple(chosen) if len(chosen) > 1 else ()
        opens = partial(_open, asked.name, folder, chosen[0], asked.needs)
        yield Reading(says, counts[chosen[0]], DECLARED, opens, splits, f"tfds:{folder}:{chosen[0]}")


def _has_boxes(folder: Path) -> bool:
    path = folder / _FEATURES
    return path.is_file() and "BBoxFeature" in path.read_text(encoding="utf-8", errors="replace")


def _open(name: str, folder: Path, split: str, needs: str) -> Source:
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder_from_directory(folder)
        builder.info.splits  # noqa: B018  (read here, if they can be)
    except Exception as error:  # of many kinds: damaged descriptions go through several libraries
        told = cut(first_line(error), 200)
        raise DataError(f"TFDS cannot read {folder} ({told}): copy it again, or prepare it again") from error
    known = MAPPINGS.get(builder.name)
    fits = known is not None and (needs != "boxes" or known.objects in builder.info.features)
    mapping = known if known is not None and fits else _mapping(builder, folder, needs)
    return open_split(name, str(folder), builder, split, mapping, needs)


def _mapping(builder: Any, folder: Path, needs: str) -> Mapping:
    """Find picture, objects and name among the features of a data set that nothing is known of."""
    import tensorflow_datasets as tfds

    features = dict(builder.info.features.items())
    pictures = [key for key, kind in features.items() if isinstance(kind, tfds.features.Image) and kind.shape[-1] == 3]
    objects = {key: _parts(kind) for key, kind in features.items() if isinstance(kind, tfds.features.Sequence)}
    boxed = [key for key, parts in objects.items() if len(parts) == 2]
    name = next((key for key in _NAMES if isinstance(features.get(key), tfds.features.Text)), "")
    if len(pictures) != 1 or needs in ("mask", "labels") or (needs == "boxes" and len(boxed) != 1):
        wanted = {"none": "one picture", "boxes": "one picture and one sequence of BBoxFeature and ClassLabel"}
        raise UsageError(
            f"expected {wanted.get(needs, 'a data set whose masks are known')} among the features of {folder}, found "
            f"{', '.join(sorted(features))}: choose data that have it"
        )
    if needs == "none":
        return Mapping(image=pictures[0], name=name)
    bbox, label = objects[boxed[0]]
    return Mapping(image=pictures[0], objects=boxed[0], bbox=bbox, label=label, name=name)


def _parts(kind: Any) -> tuple[str, ...]:
    """Give the names of a sequence's box and class."""
    import tensorflow_datasets as tfds

    inner = getattr(kind, "feature", None)
    if not isinstance(inner, tfds.features.FeaturesDict):
        return ()
    wanted = (tfds.features.BBoxFeature, tfds.features.ClassLabel)
    return tuple(next((key for key, one in inner.items() if isinstance(one, which)), "") for which in wanted)
