"""Which annotation file belongs to which picture, wherever below a folder the two lie."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from posixpath import commonpath

import numpy as np

from ....errors import DataError
from ....text import composed, folded
from ...classes import read_class_names
from ...listing import broken_links, passed_over, unread_endings
from ...names import Names
from ...paths import Paths
from ..layouts.base import Tree
from ..layouts.names import Place, place_of, same_split, split_of
from ..lists import read_list, stem_of
from .annotated import Entries
from .annotation import Annotations
from .files import Files


@dataclass(frozen=True, eq=False)
class Pairing:
    """Pictures and annotation files below a folder, under names that partners share.

    Attributes:
        chosen: the names of the pictures that are taken -> whether a list writes them in another case of letters.
        splits: the parts that the folder has, in the order of their names.
        faults: what is wrong with a list of names, as (name, sentence).
        notes: what is worth knowing of the folder.
        whole: whether all pictures are taken, no part or list being named.
    """

    pictures: Files
    files: Files
    chosen: dict[str, bool]
    splits: tuple[str, ...] = ()
    faults: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    whole: bool = True

    @property
    def pairs(self) -> int:
        """How many of the chosen pictures have an annotation file."""
        return len({folded(name) for name in self.chosen} & {folded(stem) for stem in self.files.stems})

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of which one must be named, where none is and there are several."""
        return self.splits if self.whole and len(self.splits) > 1 else ()

    def entries(self, read: Annotations, missing: Callable[[Path], DataError] | None) -> Entries:
        """Bring the chosen pictures and what was read of the files together.

        `missing` says what is wrong with a picture without a file; None, that it has no objects.
        """
        common = commonpath({"/" + name.rpartition("/")[0] for name in self.chosen}) if self.chosen else "/"
        pictures, files, faults, recased = array("q"), array("q"), dict[int, DataError](), bytearray()

        def names() -> Iterator[str]:
            for number, (stem, recased_in_list) in enumerate(self.chosen.items()):
                found, written = None, stem
                try:
                    place = self.pictures.place(stem)
                    if (key := self.files.stem_of(stem, self.pictures)) is not None:
                        found, written = self.files.place(key), key
                except DataError as error:
                    faults[number], place = error, 0
                pictures.append(place)
                files.append(-1 if found is None or not len(read) else found)
                recased.append(number not in faults and (recased_in_list or written != stem))
                # Folders that all of them lie in are no part of their names.
                yield stem[len(common) :].removeprefix("/") if len(common) > 1 else stem

        packed, places = Names(names()), np.array(pictures, np.int64)
        taken, rows = self.pictures.paths.take(places), np.array(files, np.int64)
        without = np.flatnonzero(rows < 0)
        rows[without] = len(read) + np.arange(len(without))
        said = Annotations.joined(read, Annotations.nothing(taken.take(without))).take(rows)
        errors = dict(said.errors)
        if missing is not None:
            errors |= {number: missing(taken[number]) for number in without.tolist()}
        errors |= faults
        return Entries(packed, taken, replace(said, errors=errors), np.frombuffer(recased, bool), faults=faults)

    @cached_property
    def _paired(self) -> np.ndarray:
        """Tell which of the files have a picture, bool [n]."""
        keys = self.files.keys
        return np.fromiter((self.pictures.stem_of(key, self.files) is not None for key in keys), bool, len(keys))

    def class_names(self, read: Annotations, listed: Path, where: object) -> tuple[str, ...]:
        """Give the lines of the file `listed`, or else all names in annotations of pictures that are there, sorted."""
        if listed.is_file():
            return read_class_names(listed)
        # What is left over of pictures that are gone must not add classes.
        used = np.flatnonzero(self._paired)
        names = read.names_used(used)
        if not names and not any(self._paired[row] for row in read.errors):
            raise DataError(
                f"no annotation in {where} names an object of a picture, so there are no classes: "
                f"write them into {listed}, one a line, or annotate objects"
            )
        return tuple(names)

    def orphans(self, where: object) -> tuple[tuple[str, str], ...]:
        """Give the faults (name, sentence) of files without a picture, and of broken links, where all are taken."""
        if not self.whole:
            return ()
        lonely = (self.files.paths[number] for number in np.flatnonzero(~self._paired).tolist())
        text = "annotation {} has no picture of the same name in {}: add the picture, or remove the file"
        found = tuple((path.name, text.format(path, where)) for path in lonely)
        return (*found, *_broken_links(self.pictures.paths))


def not_annotated(ending: str, place: Path | None = None) -> Callable[[Path], DataError]:
    """Give what says that a picture has no annotation file, expected in a place or of the same name anywhere."""

    def missing(picture: Path) -> DataError:
        wanted = f"{place / picture.stem}{ending}" if place else f"file {picture.stem}{ending}"
        advice = "add it (one without objects if there are none), or remove the picture"
        return DataError(f"picture {picture} has no annotation {wanted}: {advice}")

    return missing


def find_pairs(tree: Tree, files: Sequence[Path], pictures: Sequence[Path] | None = None) -> Pairing | None:
    """Pair the pictures below a folder with annotation files of their tool; None where the named part is not there.

    Partners have the same stem, and lie in the same folder or in folders that differ in words such as `images` and
    `labels` alone: `images/train` and `labels/train`, or `train/images` and `train/labels`. Where no folder fits so,
    the stem alone decides.
    """
    files = Paths.of(files)
    if pictures is None:
        candidates = tree.pictures()
        holding = set(_folders(files))
        read = np.array(
            [one in holding or _place(one, tree.root).role != "partner" for one in map(_plain, candidates.folders)],
            bool,
        )
        pictures = candidates if read.all() else candidates.take(np.flatnonzero(read[candidates.where]))
    pictures = Paths.of(pictures)
    contexts = {one: _context(_place(one, tree.root).folder) for one in (*_folders(pictures), *_folders(files))}
    found = Files(pictures, contexts), Files(files, contexts)
    if not found[0].shares_with(found[1]) and len(set(pictures.stems())) == len(pictures):
        found = Files(pictures), Files(files)
    split_of_folder = {folder: split_of(context) for folder, context in contexts.items()}
    splits = tuple(sorted({split_of_folder[folder] for folder in _folders(pictures)} - {""}))
    notes = passed_over(tree.files(*unread_endings()), tree.root)
    if not tree.split:
        return Pairing(*found, dict.fromkeys(found[0].stems, False), splits, notes=notes)
    wanted = tree.split.casefold()
    named = [
        same_split(split_of_folder.get(folder, ""), tree.split)
        or wanted in (word.casefold() for word in contexts.get(folder, ()))
        for folder in map(_plain, pictures.folders)
    ]
    in_part = {key: named[place] for key, place in zip(found[0].keys, pictures.where.tolist())}
    part = [name for name in found[0].stems if in_part[name]]
    if part:
        own = [place for place, key in enumerate(found[0].keys) if in_part[key]]
        faults = _broken_links(pictures.take(np.array(own, np.int64)))
        return Pairing(*found, dict.fromkeys(part, False), splits, faults, notes, whole=False)
    lists = [path for path in tree.files(".txt") if path.stem == tree.split]
    if not lists:
        return None
    chosen, faults = read_list(lists[0], meaning(found[0]))
    recased = {name: not _written(name, entry) for name, entry in chosen.items()}
    return Pairing(*found, recased, splits, faults, notes, whole=False)


def meaning(pictures: Files) -> Callable[[str], str | None]:
    """Give what tells which picture a line of a list means: by its name, or by its path's end where only one has it."""
    by_last: dict[str, list[str]] = {}
    for stem in pictures.stems:
        by_last.setdefault(folded(stem.rpartition("/")[2]), []).append(stem)

    def meant(entry: str) -> str | None:
        entry = entry.replace("\\", "/").removeprefix("./")
        plain = entry[: len(entry) - len(entry.rpartition("/")[2])] + stem_of(entry)
        named = pictures.stem_of(entry) or pictures.stem_of(plain)
        same = by_last.get(folded(stem_of(entry)), [])
        if named or len(same) < 2:
            return named or next(iter(same), None)
        # Of several the one whose folders the line names, too.
        parts = plain.split("/")
        ends = [stem for stem in same if set(stem.split("/")) <= set(parts)]
        return ends[0] if len(ends) == 1 else None

    return meant


def _broken_links(pictures: Paths) -> tuple[tuple[str, str], ...]:
    return tuple(fault for folder in folders_in_order(pictures) for fault in broken_links(folder))


def folders_in_order(paths: Paths) -> list[Path]:
    """Give the folders of files in the order of the first of each."""
    _, first = np.unique(paths.where, return_index=True)
    folders = [Path(paths.folders[int(paths.where[place])]) for place in np.sort(first).tolist()]
    return list(dict.fromkeys(folders))


def _folders(paths: Paths) -> list[str]:
    """Give the folders of files, each once."""
    return list(map(str, paths.parents()))


def _plain(folder: str) -> str:
    """Write a folder as `_folders` does."""
    return str(Path(folder))


def _written(name: str, entry: str) -> bool:
    last = name.rpartition("/")[2]
    return last in (stem_of(composed(entry)), composed(entry).replace("\\", "/").rpartition("/")[2])


def _place(folder: str, root: Path) -> Place:
    """Read a folder's path below the root, or the whole path of one that lies elsewhere."""
    path = Path(folder)
    inside = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
    return place_of("" if inside == "." else inside)


def _context(folder: str) -> tuple[str, ...]:
    """Give a folder's path without the words that say what kind of file it holds."""
    context: list[str] = []
    for part in filter(None, folder.split("/")):
        place = place_of(part)
        context += place.context if place.role else (composed(part),)
    return tuple(context)
