"""Pictures and masks in folders: `folder:PATH[:SPLIT]`."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import DataError, UsageError
from ...text import composed
from ..classes import MOST_CLASSES, read_class_names
from ..example import Example, Source, example_of
from ..images import Seen, picture_files, read_seen
from ..listing import broken_links, contents, no_pictures, passed_over, surroundings
from ..pixel_files.base import PixelReader
from ..pixel_files.coding import FileCoding
from ..pixel_files.colours import read_colours
from ..pixel_files.labels import LabelReader
from ..pixel_files.masks import MaskReader
from .layouts.names import PLAIN, Affixes, find_affixes
from .lists import read_list, stem_of

PARTNERS = {"mask": "masks", "labels": "labels"}
"""What is needed -> the folder beside `images` that holds it."""

SALIENCY = ("background", "salient")

CLASS_FILES = ("classes.txt", "codes.txt")
"""What lists the names of classes, a line for each value; fastai's copy of CamVid has codes.txt."""


def by_stem(paths: Iterable[Path], affixes: Affixes = PLAIN[0]) -> dict[str, list[Path]]:
    """Give the files of each stem, without what surrounds it, in their order."""
    return by_key(paths, lambda path: affixes.key(composed(path.stem)))


def by_key(paths: Iterable[Path], key: Callable[[Path], str]) -> dict[str, list[Path]]:
    """Give the files of each key, in their order."""
    grouped: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        grouped[key(path)].append(path)
    return grouped


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
        self._files, self._partners = images, partners or {}
        chosen = list(images)
        folders = sorted({path.parent for paths in images.values() for path in paths})
        if listed is not None:
            # A stem may itself contain a dot: the whole entry is tried before its ending is cut off.
            entries, self.structural_faults = read_list(
                listed, lambda entry: next((stem for stem in (entry, stem_of(entry)) if stem in images), None)
            )
            chosen = list(entries)
        else:
            self.structural_faults = tuple(
                (path.name, f"{needs} {path} has no image of the same name: add the image, or remove the file")
                for key, paths in self._partners.items()
                for path in paths
                if key not in images
            ) + tuple(fault for folder in folders for fault in broken_links(folder.iterdir()))
        self.notes = tuple(note for folder in folders for note in passed_over(folder.iterdir(), folder))
        self._images = [(key, path) for key in chosen for path in images[key]]
        self.names = [key if len(images[key]) == 1 else key + path.suffix for key, path in self._images]

    def __len__(self) -> int:
        return len(self._images)

    def _partner(self, key: str, path: Path) -> Path:
        images, partners = self._files[key], self._partners.get(key, [])
        for paths in (images, partners):
            if len(paths) > 1:
                others = " and ".join(other.name for other in paths[1:])
                raise DataError(
                    f"{paths[0]} and {others} share the stem {key}, so pairs cannot be told: "
                    "keep one, and remove or rename the rest"
                )
        if not partners:
            wanted = self._wanted.replace("*", key)
            raise DataError(f"image {path} has no {self._kind} {wanted}: add it, or remove the image")
        return partners[0]

    def partner_name(self, index: int) -> str:
        """See `Source`; raises DataError where there is no such file, or more than one."""
        return str(self._partner(*self._images[index]))

    def picture_file(self, index: int) -> Path | None:
        """See `Source`; of a picture with its mask in its alpha there is none."""
        return self._images[index][1] if self._picture is read_seen else None

    def reading(self) -> object:
        """See `Source`."""
        return self._kind, self._read, self._picture, self.files

    def files_of(self, index: int) -> Sequence[str]:
        """See `Source`."""
        key, path = self._images[index]
        images, partners = self._files[key], self._partners.get(key, [])
        if self._read is None:
            return (str(path),)
        return (str(path), str(partners[0])) if len(images) == len(partners) == 1 else ()

    def load(self, index: int) -> Example:
        """See `Source`."""
        (key, path), name = self._images[index], self.names[index]
        mended: list[str] = []
        partner = None if self._read is None else self._partner(key, path)
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
