"""Pictures and masks in folders: `folder:PATH[:SPLIT]`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError, UsageError
from ..classes import MOST_CLASSES, read_class_names
from ..example import Example, Source, example_of
from ..images import Seen, picture_files, read_seen
from ..listing import broken_links, contents, no_pictures, passed_over_in, surroundings
from ..names import Names
from ..pixel_files.base import PixelReader
from ..pixel_files.coding import FileCoding
from ..pixel_files.colours import read_colours
from ..pixel_files.labels import LabelReader
from ..pixel_files.masks import MaskReader
from .grouped import Grouped, by_stem
from .layouts.names import PLAIN, find_affixes
from .lists import read_list, stem_of

PARTNERS = {"mask": "masks", "labels": "labels"}
"""What is needed -> the folder beside `images` that holds it."""

SALIENCY = ("background", "salient")

CLASS_FILES = ("classes.txt", "codes.txt")
"""What lists the names of classes, a line for each value; fastai's copy of CamVid has codes.txt."""


class FolderSource(Source):
    """Pictures with masks or labels, each found by a name that both have, by default the stems of their files."""

    def __init__(
        self,
        name: str,
        images: Mapping[str, Sequence[Path]],
        partners: Mapping[str, Sequence[Path]] | None,
        needs: str,
        read: PixelReader | None = None,
        *,
        listed: Path | None = None,
        class_names: Sequence[str] = (),
        wanted: str = "*",
        picture: Callable[..., Seen] = read_seen,
    ):
        """Take the files of each name.

        Args:
            partners: None, with `read`, for pictures alone.
            read: gives what a partner says of its picture.
            listed: a split's list of names; by default all pictures are taken, in the order given.
            wanted: where the partner of a picture is expected, with * for its name.
            picture: reads the pictures.
        """
        self.name, self.class_names = name, tuple(class_names)
        self._kind, self._read, self._wanted, self._picture = needs, read, wanted, picture
        pictures, others = Grouped.of(images), Grouped.of(partners or {})
        folders = pictures.paths.parents()
        keys, numbers = pictures.names, np.arange(len(pictures))
        if listed is not None:
            # A stem may itself contain a dot: the whole entry is tried before its ending is cut off.
            entries, self.structural_faults = read_list(
                listed, lambda entry: next((stem for stem in (entry, stem_of(entry)) if stem in pictures), None)
            )
            keys = Names(entries)
            numbers = pictures.numbers_of(entries, len(entries))
        else:
            self.structural_faults = tuple(
                (path.name, f"{needs} {path} has no image of the same name: add the image, or remove the file")
                for key in (() if others.names == pictures.names else others)
                if key not in pictures
                for path in others[key]
            ) + tuple(fault for folder in folders for fault in broken_links(folder))
        self.notes = tuple(note for folder in folders for note in passed_over_in(folder))
        self._pair(pictures, others, keys, numbers)

    def _pair(self, images: Grouped, partners: Grouped, keys: Names, numbers: np.ndarray) -> None:
        """Lay the pictures of keys, which have these numbers among all, beside their partners, in arrays."""
        counts = np.diff(images.ends, prepend=0)[numbers]
        places = images.ends[numbers] - counts
        if (counts > 1).any():
            within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
            places, keys = np.repeat(places, counts) + within, keys.take(np.repeat(np.arange(len(keys)), counts))
        self._images, self._keys = images.paths.take(places), keys
        # All files of a key that has several: no pair can be told from them.
        self._rivals: dict[int, list[Path]] = {}
        twins = np.flatnonzero(np.repeat(counts, counts) > 1)
        if len(twins):
            several = {index: keys[index] for index in twins.tolist()}
            self._rivals = {index: list(images[key]) for index, key in several.items()}
            endings = {index: self._images[index].suffix for index in several}
            self.names = Names(key + endings.get(index, "") for index, key in enumerate(keys))
        else:
            self.names = keys
        others = partners.numbers_of(keys, len(keys))
        self._partners, there = partners.paths, np.flatnonzero(others >= 0)
        self._partner_of = np.full(len(keys), -1, np.int32)
        starts = partners.ends - np.diff(partners.ends, prepend=0)
        self._partner_of[there] = starts[others[there]]
        many = there[(partners.ends - starts)[others[there]] > 1]
        for index in many.tolist():
            self._rivals.setdefault(index, list(partners[keys[index]]))

    def __len__(self) -> int:
        return len(self._images)

    def _partner(self, index: int) -> Path:
        if rivals := self._rivals.get(index):
            others = " and ".join(other.name for other in rivals[1:])
            raise DataError(
                f"{rivals[0]} and {others} share the stem {self._keys[index]}, so pairs cannot be told: "
                "keep one, and remove or rename the rest"
            )
        if self._partner_of[index] < 0:
            wanted = self._wanted.replace("*", self._keys[index])
            raise DataError(f"image {self._images[index]} has no {self._kind} {wanted}: add it, or remove the image")
        return self._partners[int(self._partner_of[index])]

    def partner_name(self, index: int) -> str:
        """See `Source`; raises DataError where there is no such file, or more than one."""
        return str(self._partner(index))

    def picture_file(self, index: int) -> Path | None:
        """See `Source`; of a picture with its mask in its alpha there is none."""
        return self._images[index] if self._picture is read_seen else None

    def reading(self) -> object:
        """See `Source`."""
        return self._kind, self._read, self._picture, self.files

    def files_of(self, indices: np.ndarray) -> Iterable[Sequence[str]]:
        """See `Source`; where pairs cannot be told, nothing is kept."""
        images = self._images.take(indices).texts()
        if self._read is None:
            return zip(images)
        partners = self._partner_of[indices]
        paired = (partners >= 0) & ~np.isin(indices, list(self._rivals))
        others = self._partners.take(partners[paired]).texts()
        return ((image, next(others)) if one else () for image, one in zip(images, paired.tolist()))

    def load(self, index: int) -> Example:
        """See `Source`."""
        path, name = self._images[index], self.names[index]
        mended: list[str] = []
        partner = None if self._read is None else self._partner(index)
        seen = self._picture(path, repairs=mended, files=self.files)
        if self._read is None or partner is None:
            return example_of(seen, name=name, repairs=tuple(mended))
        read = self._read(partner, seen, path)
        target: dict[str, Any] = {self._kind: read.values}
        return example_of(seen, name=name, repairs=(*mended, *read.repairs), adapted=read.adapted, **target)


def path_and_split(rest: str, kind: str = "folder") -> tuple[Path, str]:
    """Tell the split, or "", from the path in `PATH[:SPLIT]`, which may hold colons itself (C:/photos)."""
    if not rest:
        raise UsageError(f"expected {kind}:PATH[:SPLIT], got no path")
    path = Path(rest).expanduser()
    if path.is_dir():
        return path, ""
    head, colon, split = rest.rpartition(":")
    if colon and head and Path(head).expanduser().is_dir():
        if not split or "/" in split or "\\" in split:
            raise DataError(
                f"expected the name of a split after {head}:, found {split!r}: "
                f"write {kind}:{head} or {kind}:{head}:train"
            )
        return Path(head).expanduser(), split
    if path.is_file():
        packed = path.suffix.lower() in (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
        advice = "unpack it, and give the folder" if packed else f"give the folder that holds the data, {path.parent}"
        raise DataError(f"{rest} is a file, expected a folder: {advice}")
    raise DataError(f"there is no folder {rest}: check the path ({surroundings(path)})")


def _two_folders(rest: str) -> tuple[Path, Path] | None:
    """Tell the two folders of `IMAGES,MASKS` apart, which may hold commas themselves; None where it is one path."""
    if Path(rest).expanduser().is_dir():
        return None
    parts = rest.split(",")
    pairs = ((",".join(parts[:cut]), ",".join(parts[cut:])) for cut in range(1, len(parts)))
    folders = ((Path(first).expanduser(), Path(second).expanduser()) for first, second in pairs if first and second)
    return next(((first, second) for first, second in folders if first.is_dir() and second.is_dir()), None)


def folder_of(rest: str) -> Path:
    """Give the folder of `PATH[:SPLIT]`, or the one that holds both of `IMAGES,MASKS`."""
    pair = _two_folders(rest)
    return pair[1].parent if pair else path_and_split(rest)[0]


def no_split(path: Path, split: str, lacking: str, known: Sequence[str]) -> DataError:
    """Say that a folder lacks a split, and which it has."""
    advice = f"it has {', '.join(known)}" if known else "leave the split away"
    return DataError(f"{path} has no split {split} (no {lacking}): {advice}")


def _splits(path: Path) -> list[str]:
    lists = [file.stem for file in path.glob("*.txt") if file.name != "classes.txt"]
    return sorted({*lists, *(folder.parent.name for folder in path.glob("*/images"))})


def open_folder(rest: str, needs: str, files: FileCoding) -> FolderSource:
    """Open `PATH[:SPLIT]`, in alphabetical order or in the order of the split's list.

    Images lie in `PATH/images`, masks or labels of equal stem in `PATH/masks` or `PATH/labels`, and `PATH/SPLIT.txt`
    has a name a line; or all lies below `PATH/SPLIT/`. With `needs="none"` a plain folder of pictures will do.
    `IMAGES,MASKS` names any two folders instead, whose pairs may differ in what is before or behind all of the stems.
    """
    if pair := _two_folders(rest):
        return _open_two(f"folder:{rest}", *pair, needs, files)
    path, split = path_and_split(rest)
    listed, base = None, path
    if split and (path / f"{split}.txt").is_file():
        listed = path / f"{split}.txt"
    elif split:
        base = path / split
        if not base.is_dir():
            raise no_split(path, split, f"{split}.txt and no folder {split}", _splits(path))
    folder = base / "images"
    if not folder.is_dir():
        if needs != "none":
            advice = (
                f"put the pictures into {folder} and their {PARTNERS[needs]} beside it, or try auto:{rest}, which "
                "knows other names, or name both as folder:IMAGES,MASKS"
            )
            if not split and (known := _splits(path)):
                advice = f"name one of its splits, {', '.join(known)}"
            raise DataError(
                f"expected {folder} with {base / PARTNERS[needs]}, and there is no {folder} ({contents(base)}): "
                f"{advice}"
            )
        folder = base
    images = picture_files(folder)
    if not images:
        raise no_pictures(folder)
    if needs != "none" and not (base / PARTNERS[needs]).is_dir():
        raise DataError(
            f"{folder} has no {base / PARTNERS[needs]} beside it ({contents(base)}): put the {PARTNERS[needs]} there, "
            f"with the stems of their images, or try auto:{rest}, which knows other names"
        )
    beside = base / PARTNERS.get(needs, "")
    partners = by_stem(picture_files(beside)) if needs in PARTNERS else None
    wanted = f"{beside}/*.png"
    return pixel_source(f"folder:{rest}", path, by_stem(images), partners, needs, files, listed=listed, wanted=wanted)


def _open_two(name: str, folder: Path, beside: Path, needs: str, files: FileCoding) -> FolderSource:
    images, partners = picture_files(folder), picture_files(beside)
    own, other = find_affixes(set(by_stem(images)), set(by_stem(partners)))
    found, paired, wanted = by_stem(images, own), by_stem(partners, other), f"{beside}/{other.head}*{other.tail}.png"
    source = pixel_source(name, beside.parent, found, paired, needs, files, wanted=wanted)
    if (own, other) != PLAIN and needs != "none":
        source.recognised = (f"{name}: {own} with {other}, {len(found.keys() & paired.keys())} pairs",)
    return source


def pixel_source(
    name: str,
    base: Path,
    images: Mapping[str, Sequence[Path]],
    partners: Mapping[str, Sequence[Path]] | None,
    needs: str,
    files: FileCoding,
    *,
    trimap: bool = False,
    read: PixelReader | None = None,
    class_names: Sequence[str] = (),
    **more: Any,
) -> FolderSource:
    """Make the source of pictures and their mask or label files, which are trimaps or `read` otherwise.

    Without `class_names`, the file of colours or a list in the folder `base` names the classes of labels.
    """
    if needs == "mask":
        masks = read or MaskReader(files, trimap=trimap)
        return FolderSource(name, images, partners, needs, masks, class_names=SALIENCY, **more)
    if needs != "labels":
        return FolderSource(name, images, None, needs, **more)
    colours = read_colours(files.colours) if files.colours else None
    listed = next((base / file for file in CLASS_FILES if (base / file).is_file()), None)
    if not class_names and (colours or listed):
        class_names = colours.names if colours else read_class_names(str(listed), most=MOST_CLASSES)
    labels = read or LabelReader(files, colours)
    source = FolderSource(name, images, partners, needs, labels, class_names=class_names, **more)
    source.ignores = colours is not None
    return source
