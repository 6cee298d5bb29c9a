"""Pictures and masks in folders: `folder:PATH[:SPLIT]`."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from ...errors import DataError, UsageError
from ..classes import MOST_CLASSES, read_class_names
from ..example import Example, Source
from ..images import PICTURE_SUFFIXES, binary_mask, check_sizes, picture_files, read_image, read_mask

PARTNERS = {"mask": "masks", "labels": "labels"}
"""What is needed -> the folder beside `images` that holds it."""


def _by_stem(paths: Sequence[Path]) -> dict[str, list[Path]]:
    grouped: dict[str, list[Path]] = defaultdict(list)
    for path in paths:
        grouped[path.stem].append(path)
    return grouped


def stem_of(entry: str) -> str:
    """Read a line of a split list, a name with or without extension or folder, as a stem."""
    name = entry.replace("\\", "/").rsplit("/", 1)[-1]
    return name.rsplit(".", 1)[0] if name.lower().endswith(PICTURE_SUFFIXES) else name


class FolderSource(Source):
    """Pictures in a folder, with masks or labels of the same stem beside it; their names are the stems.

    A mask file holds two values, of which the larger is salient (see `binary_mask`). Files that do not fit are kept in
    the list; loading them raises, and a scan reports them.
    """

    def __init__(
        self,
        name: str,
        images: Sequence[Path],
        partners: Sequence[Path],
        partner_folder: Path | None,
        kind: str,
        listed: Path | None = None,
        class_names: tuple[str, ...] = (),
    ):
        self.name = name
        self.class_names = class_names
        self._kind = kind
        self._partner_folder = partner_folder
        self._partners = _by_stem(partners)
        self._same_stem = _by_stem(images)
        self.structural_faults: tuple[tuple[str, str], ...] = ()
        if listed is not None:
            images = self._take_listed(listed)
        elif partner_folder is not None:
            self.structural_faults = tuple(
                (
                    path.name,
                    f"{kind} {path} has no image of the same name: add the image, or remove the file",
                )
                for path in partners
                if path.stem not in self._same_stem
            )
        self._images = list(images)
        self.names = [path.stem if len(self._same_stem[path.stem]) == 1 else path.name for path in self._images]

    def _take_listed(self, listed: Path) -> list[Path]:
        entries = [line.strip() for line in listed.read_text(encoding="utf-8-sig").splitlines()]
        chosen: dict[str, str] = {}
        faults = []
        for entry in filter(None, entries):
            # A stem may itself contain a dot: the whole entry is tried before its ending is cut off.
            stem = entry if entry in self._same_stem else stem_of(entry)
            if stem not in self._same_stem:
                faults.append(
                    (
                        entry,
                        f"{listed} names {entry}, and there is no such image: correct the list",
                    )
                )
            elif stem in chosen:
                faults.append(
                    (
                        f"{entry} (again)",
                        f"{listed} names {entry} twice: remove one line",
                    )
                )
            else:
                chosen[stem] = entry
        if not chosen and not faults:
            raise DataError(f"{listed} is empty: write one image name in each line")
        self.structural_faults = tuple(faults)
        return [path for stem in chosen for path in self._same_stem[stem]]

    def __len__(self) -> int:
        """Give the number of images."""
        return len(self._images)

    def _partner(self, path: Path) -> Path:
        images, partners = self._same_stem[path.stem], self._partners.get(path.stem, [])
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
        path = self._images[index]
        if self._partner_folder is None:
            return Example(read_image(path), name=self.names[index])
        partner = self._partner(path)
        image, values = read_image(path), read_mask(partner, kind=self._kind)
        check_sizes(image, values, path, partner, self._kind)
        if self._kind == "mask":
            return Example(image, mask=binary_mask(values, partner), name=self.names[index])
        return Example(image, labels=values, name=self.names[index])


def path_and_split(rest: str, kind: str = "folder") -> tuple[Path, str]:
    """Tell the split, or "", from the path in `PATH[:SPLIT]`, which may hold colons itself (C:/photos).

    Raises:
        UsageError: no path is given.
        DataError: no such folder.
    """
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


def _splits(path: Path) -> list[str]:
    lists = [file.stem for file in path.glob("*.txt") if file.name != "classes.txt"]
    return sorted({*lists, *(folder.parent.name for folder in path.glob("*/images"))})


def open_folder(rest: str, needs: str) -> FolderSource:
    """Open `PATH[:SPLIT]`, in alphabetical order or in the order of the split's list.

    The images lie in `PATH/images` and their masks or labels, by equal stem, in `PATH/masks` or `PATH/labels`;
    `PATH/SPLIT.txt` names those of a split, one in each line, with or without extension. Or the same lies below
    `PATH/SPLIT/`. With `needs="none"` a plain folder of pictures will do.

    Raises:
        UsageError: no path is given.
        DataError: a folder or split does not exist or holds no pictures.
    """
    path, split = path_and_split(rest)
    listed, base = None, path
    if split and (path / f"{split}.txt").is_file():
        listed = path / f"{split}.txt"
    elif split:
        base = path / split
        if not base.is_dir():
            known = _splits(path)
            raise DataError(
                f"{path} has no split {split} (no {split}.txt and no folder {split}): "
                + (f"it has {', '.join(known)}" if known else "leave the split away")
            )
    folder = base / "images"
    if not folder.is_dir():
        if needs != "none":
            known = _splits(path) if not split else []
            advice = (
                f"name one of its splits, {', '.join(known)}"
                if known
                else f"put the pictures into {folder} and their {PARTNERS[needs]} beside it"
            )
            raise DataError(f"expected {folder} with {base / PARTNERS[needs]}, and there is no {folder}: {advice}")
        folder = base
    images = picture_files(folder)
    if not images:
        raise DataError(f"{folder} holds no pictures ({', '.join(PICTURE_SUFFIXES)}): check the path")
    name = f"folder:{rest}"
    if needs == "none":
        return FolderSource(name, images, (), None, needs, listed)
    partner_folder = base / PARTNERS[needs]
    if not partner_folder.is_dir():
        raise DataError(
            f"{folder} has no {partner_folder} beside it: put the {PARTNERS[needs]} there, with the stems "
            "of their images"
        )
    class_names: tuple[str, ...] = ("background", "salient") if needs == "mask" else ()
    if needs == "labels" and (path / "classes.txt").is_file():
        class_names = read_class_names(path / "classes.txt", most=MOST_CLASSES)
    return FolderSource(name, images, picture_files(partner_folder), partner_folder, needs, listed, class_names)
