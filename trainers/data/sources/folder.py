"""Pictures and masks in folders: `folder:PATH[:SPLIT]`."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ...errors import DataError, UsageError
from ...text import composed, read_text
from ..classes import MOST_CLASSES, read_class_names
from ..example import Example, Source
from ..images import PICTURE_SUFFIXES, binary_mask, check_sizes, picture_files, read_image, read_mask

PARTNERS = {"mask": "masks", "labels": "labels"}
"""What is needed -> the folder beside `images` that holds it."""


def _by_stem(paths: Iterable[Path]) -> dict[str, list[Path]]:
    grouped: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        grouped[composed(path.stem)].append(path)
    return grouped


def stem_of(entry: str) -> str:
    """Read a line of a split list, a name with or without extension or folder, as a stem."""
    name = entry.replace("\\", "/").rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[0] if name.lower().endswith(PICTURE_SUFFIXES) else name


def read_list(path: Path, meant: Callable[[str], str | None]) -> tuple[dict[str, str], tuple[tuple[str, str], ...]]:
    """Read a split's list: the stem that each entry means -> the entry, and what is at fault as (entry, sentence)."""
    chosen: dict[str, str] = {}
    faults = []
    text = read_text(path, lambda text: all(_meant(entry, meant) for entry in _entries(text) if not entry.isascii()))
    for entry in _entries(text):
        stem = _meant(entry, meant)
        if stem is None:
            faults.append((entry, f"{path} names {entry}, and there is no such picture: correct the list"))
        elif stem in chosen:
            faults.append((f"{entry} (again)", f"{path} names {entry} twice: remove one line"))
        else:
            chosen[stem] = entry
    if not chosen and not faults:
        raise DataError(f"{path} is empty: write the name of one picture in each line")
    return chosen, tuple(faults)


def _entries(text: str) -> list[str]:
    return [entry for line in composed(text).splitlines() if (entry := line.strip(" \t\"'\ufeff"))]


def _meant(entry: str, meant: Callable[[str], str | None]) -> str | None:
    """Give the stem that a line means; it may name a picture and its partner, which have the same stem."""
    columns = re.split(r"[\s,;]+", entry)
    pair = len(columns) > 1 and len(set(map(stem_of, columns))) == 1
    return meant(entry) or (meant(columns[0]) if pair else None)


class FolderSource(Source):
    """Pictures in a folder, named by their stems, with masks or labels of the same stem beside it."""

    def __init__(
        self, name: str, base: Path, images: Sequence[Path], needs: str, listed: Path | None, class_names: Sequence[str]
    ):
        self.name, self.class_names = name, tuple(class_names)
        self._kind = needs
        self._partner_folder = base / PARTNERS[needs] if needs in PARTNERS else None
        self._partners = _by_stem(picture_files(self._partner_folder) if self._partner_folder else ())
        self._same_stem = _by_stem(images)
        if listed is not None:
            # A stem may itself contain a dot: the whole entry is tried before its ending is cut off.
            chosen, self.structural_faults = read_list(
                listed, lambda entry: next((stem for stem in (entry, stem_of(entry)) if stem in self._same_stem), None)
            )
            images = [path for stem in chosen for path in self._same_stem[stem]]
        else:
            self.structural_faults = tuple(
                (path.name, f"{needs} {path} has no image of the same name: add the image, or remove the file")
                for stem, paths in self._partners.items()
                for path in paths
                if stem not in self._same_stem
            )
        self._images = images
        stems = [composed(path.stem) for path in images]
        self.names = [stem if len(self._same_stem[stem]) == 1 else path.name for stem, path in zip(stems, images)]

    def __len__(self) -> int:
        return len(self._images)

    def _partner(self, path: Path) -> Path:
        stem = composed(path.stem)
        images, partners = self._same_stem[stem], self._partners.get(stem, [])
        for paths in (images, partners):
            if len(paths) > 1:
                others = " and ".join(other.name for other in paths[1:])
                raise DataError(
                    f"{paths[0]} and {others} share the stem {path.stem}, so pairs cannot be told: "
                    "keep one, and remove or rename the rest"
                )
        if not partners:
            wanted = f"{self._partner_folder}/{path.stem}.png"
            raise DataError(f"image {path} has no {self._kind} {wanted}: add it, or remove the image")
        return partners[0]

    def partner_name(self, index: int) -> str:
        """See `Source`; raises DataError where there is no such file, or more than one."""
        return str(self._partner(self._images[index]))

    def load(self, index: int) -> Example:
        """See `Source`."""
        path, name = self._images[index], self.names[index]
        if self._partner_folder is None:
            return Example(read_image(path), name=name)
        partner = self._partner(path)
        image, values = read_image(path), read_mask(partner, kind=self._kind)
        check_sizes(image, values, path, partner, self._kind)
        if self._kind == "mask":
            return Example(image, mask=binary_mask(values, partner), name=name)
        return Example(image, labels=values, name=name)


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
    raise DataError(f"there is no folder {rest}: check the path (from {Path.cwd()})")


def no_split(path: Path, split: str, lacking: str, known: Sequence[str]) -> DataError:
    """Say that a folder lacks a split, and which it has."""
    advice = f"it has {', '.join(known)}" if known else "leave the split away"
    return DataError(f"{path} has no split {split} (no {lacking}): {advice}")


def _splits(path: Path) -> list[str]:
    lists = [file.stem for file in path.glob("*.txt") if file.name != "classes.txt"]
    return sorted({*lists, *(folder.parent.name for folder in path.glob("*/images"))})


def open_folder(rest: str, needs: str) -> FolderSource:
    """Open `PATH[:SPLIT]`, in alphabetical order or in the order of the split's list.

    Images lie in `PATH/images`, masks or labels of equal stem in `PATH/masks` or `PATH/labels`, and `PATH/SPLIT.txt`
    has a name a line; or all lies below `PATH/SPLIT/`. With `needs="none"` a plain folder of pictures will do.
    """
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
            advice = f"put the pictures into {folder} and their {PARTNERS[needs]} beside it"
            if not split and (known := _splits(path)):
                advice = f"name one of its splits, {', '.join(known)}"
            raise DataError(f"expected {folder} with {base / PARTNERS[needs]}, and there is no {folder}: {advice}")
        folder = base
    images = picture_files(folder)
    if not images:
        raise DataError(f"{folder} holds no pictures ({', '.join(PICTURE_SUFFIXES)}): check the path")
    if needs != "none" and not (base / PARTNERS[needs]).is_dir():
        raise DataError(
            f"{folder} has no {base / PARTNERS[needs]} beside it: put the {PARTNERS[needs]} there, with the stems "
            "of their images"
        )
    class_names: tuple[str, ...] = ("background", "salient") if needs == "mask" else ()
    if needs == "labels" and (path / "classes.txt").is_file():
        class_names = read_class_names(path / "classes.txt", most=MOST_CLASSES)
    return FolderSource(f"folder:{rest}", base, images, needs, listed, class_names)
