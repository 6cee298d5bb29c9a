"""What a recogniser of layouts looks at and gives: the files below a folder, what is wanted of them, a reading."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from ...example import Source
from ...images import PICTURE_SUFFIXES
from ...paths import Paths, ending, is_file, is_folder
from ...pixel_files.coding import FileCoding

POSSIBLE, GUESSED, SIMILAR, NAMED, DECLARED = range(5)
"""How sure a reading is: by what is in the files, by the names of files alone, by names like the usual ones, by the
very names of the layout, by a file that only its tool writes."""

_DEEPEST = 6
_MOST_LISTED = 6


@dataclass(frozen=True)
class Asked:
    """What is wanted: the source's `name`, `mask`, `labels`, `boxes` or `none`, and how files are written."""

    name: str
    needs: str
    files: FileCoding = field(default_factory=FileCoding)


@dataclass(frozen=True)
class Reading:
    """One way to read what lies below a folder.

    Attributes:
        says: what was recognised, in a few words: "images/ and masks/ of equal names, 60 pairs".
        count: how many pictures would be read with what is needed.
        sure: from POSSIBLE to DECLARED; the surest reading is taken, of these the one of most pictures.
        open: opens the source.
        splits: the parts of which one must be named, where none was; such a reading is not opened.
        written: how a user writes this very reading, where that can be written.
        places: the folders that are read, where other pictures below the root are worth a word.
    """

    says: str
    count: int
    sure: int
    open: Callable[[], Source]
    splits: tuple[str, ...] = ()
    written: str = ""
    places: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A layout of files: its name, what it looks like, which targets it holds, and what finds its readings."""

    name: str
    looks: str
    holds: tuple[str, ...]
    readings: "Callable[[Tree, Asked], Iterable[Reading]]"


class Tree:
    """The files below a folder, without hidden ones, listed once; `split` is the part that a user names, or empty.

    Folders are named by their paths below the root, with slashes: "" is the root itself, then "train", "train/images".
    """

    def __init__(self, root: Path, split: str = ""):
        self.root, self.split = root, split
        self._found: dict[tuple[tuple[str, ...], str | None], Paths] = {}

    @cached_property
    def folders(self) -> dict[str, Paths]:
        """Give each folder's files, sorted by name; links are followed, but not in circles."""
        return dict(sorted(self._walk(self.root, (os.path.realpath(self.root),))))

    def _walk(self, folder: Path, above: tuple[str, ...]) -> Iterator[tuple[str, Paths]]:
        files, folders = [], []
        with os.scandir(folder) as found:
            for entry in found:
                if _hidden(entry.name):
                    continue
                if is_file(entry):
                    files.append(entry.name)
                elif is_folder(entry):
                    folders.append(entry.name)
        name = folder.relative_to(self.root).as_posix()
        yield "" if name == "." else name, Paths.within(folder, sorted(files))
        for inner in sorted(folders) if len(above) < _DEEPEST else ():
            real = os.path.realpath(folder / inner)
            if real not in above:
                yield from self._walk(folder / inner, (*above, real))

    @cached_property
    def _by_ending(self) -> dict[str, dict[str, np.ndarray]]:
        """Give for each folder the endings of its files, in small letters, and which files have them."""
        found: dict[str, dict[str, np.ndarray]] = {}
        for folder, paths in self.folders.items():
            numbers: dict[str, int] = {}
            kinds = (numbers.setdefault(ending(name), len(numbers)) for name in paths.names)
            of_file = np.fromiter(kinds, np.int32, len(paths))
            found[folder] = {kind: np.flatnonzero(of_file == number) for kind, number in numbers.items()}
        return found

    def files(self, *endings: str, folder: str | None = None) -> Paths:
        """Give the files whose names end so, in any case of letters, in one folder or anywhere."""
        # Every layout asks for the same few kinds.
        if (endings, folder) not in self._found:
            places = self.folders if folder is None else [folder] if folder in self.folders else []
            self._found[endings, folder] = Paths.joined([self._ending_so(endings, place) for place in places])
        return self._found[endings, folder]

    def _ending_so(self, endings: tuple[str, ...], folder: str) -> Paths:
        paths, kinds = self.folders[folder], self._by_ending[folder]
        whole = {text for text in endings if ending("x" + text) == text}
        found = [indices for kind, indices in kinds.items() if kind in whole]
        for text in set(endings) - whole:
            # The end of a whole name, such as labelmap.txt; an empty one is that of all.
            alike = [at for kind, at in kinds.items() if kind == ending("x" + text) or not text or "." not in text]
            found += [at[[paths.names[index].lower().endswith(text) for index in at.tolist()]] for at in alike]
        chosen = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
        return paths if len(chosen) == len(paths) else paths.take(chosen)

    def pictures(self, folder: str | None = None) -> Paths:
        """Give the pictures of one folder, or all."""
        return self.files(*PICTURE_SUFFIXES, folder=folder)

    def called(self, *names: str) -> list[str]:
        """Give the folders whose last part is one of these names, in any case of letters."""
        return [folder for folder in self.folders if folder.rpartition("/")[2].lower() in names]

    def inventory(self) -> str:
        """Say which folders and files there are, for errors."""
        texts = []
        for folder, files in self.folders.items():
            endings = Counter(ending(name) or name for name in files.names).most_common(3)
            held = ", ".join(f"{count} {ending}" for ending, count in endings)
            texts += [f"{folder}/ ({held})" if folder else held] * bool(files)
        more = len(texts) - _MOST_LISTED
        return ", ".join(texts[:_MOST_LISTED]) + (f" and {more} more folders" if more > 0 else "") or "no files"


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")
