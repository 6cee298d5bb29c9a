"""Many files by their paths, packed: as objects of their own, a million would take half a kilobyte for each."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from .names import Names, chosen, packed


class Paths(Sequence[Path]):
    """Paths that are never changed: each folder is written once, and the names in it are packed.

    Args:
        folders: the folders, in any order.
        where: the number of each path's folder, int32 [n].
        names: the name of each path in its folder.
    """

    def __init__(self, folders: Sequence[str], where: np.ndarray, names: Sequence[str]):
        self.folders, self.names = tuple(folders), packed(names)
        # Nearly always there is one folder, and then nothing need say which.
        self._where = None if len(self.folders) == 1 else np.asarray(where, np.int32)

    @classmethod
    def within(cls, folder: str | Path, names: Sequence[str]) -> "Paths":
        """Give the paths of names in a folder."""
        return cls((str(folder),), np.zeros(0, np.int32), names)

    @classmethod
    def of(cls, paths: Iterable[Path]) -> "Paths":
        """Pack paths, unless they are packed already."""
        if isinstance(paths, cls):
            return paths
        number_of: dict[str, int] = {}
        texts = [os.path.split(path) for path in paths]
        where = [number_of.setdefault(folder, len(number_of)) for folder, _ in texts]
        return cls(list(number_of), np.array(where, np.int32), [name for _, name in texts])

    @classmethod
    def joined(cls, parts: Sequence["Paths"]) -> "Paths":
        """Put the paths of several one behind the other."""
        if len(parts) == 1:
            return parts[0]
        folders = [folder for part in parts for folder in part.folders]
        starts = np.cumsum([0, *(len(part.folders) for part in parts)])
        where = [part.where + start for part, start in zip(parts, starts)] or [np.zeros(0, np.int32)]
        return cls(folders, np.concatenate(where), Names.joined([part.names for part in parts]))

    @property
    def where(self) -> np.ndarray:
        """The number of each path's folder, int32 [n]."""
        return np.zeros(len(self.names), np.int32) if self._where is None else self._where

    def __len__(self) -> int:
        return len(self.names)

    @overload
    def __getitem__(self, index: int) -> Path: ...

    @overload
    def __getitem__(self, index: slice) -> "Paths": ...

    def __getitem__(self, index: int | slice) -> "Path | Paths":
        """Give a path, or some of them."""
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        return Path(self.text(index))

    def __iter__(self) -> Iterator[Path]:
        return map(Path, self.texts())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, (Paths, list, tuple)):
            return len(self) == len(other) and all(one == another for one, another in zip(self, other))
        return NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Paths({list(map(str, self[:3]))}{', ...' if len(self) > 3 else ''})"

    def text(self, index: int) -> str:
        """Give a path as `str` writes it."""
        folder = self.folders[0 if self._where is None else int(self._where[index])]
        return _joined(folder, self.names[index])

    def texts(self) -> Iterator[str]:
        """Give all paths as `str` writes them."""
        if self._where is None:
            return map(_joined(self.folders[0], "").__add__, self.names)
        return (_joined(self.folders[number], name) for number, name in zip(self._where.tolist(), self.names))

    def stems(self) -> Iterator[str]:
        """Give the names without their endings."""
        return map(stem, self.names)

    def parents(self) -> list[Path]:
        """Give the folders in which there is one of the files, sorted."""
        used = self.folders if self._where is None else [self.folders[number] for number in np.unique(self._where)]
        return sorted(set(map(Path, used))) if len(self) else []

    def take(self, indices: np.ndarray) -> "Paths":
        """Give some paths, in the order of the indices int [k]."""
        indices = np.asarray(indices, np.int64)
        where = np.zeros(0, np.int32) if self._where is None else self._where[indices]
        return Paths(self.folders, where, chosen(self.names, indices))


def _joined(folder: str, name: str) -> str:
    return name if folder in ("", ".") else f"{folder}{name}" if folder.endswith(os.sep) else f"{folder}{os.sep}{name}"


def stem(name: str) -> str:
    """Give a file's name without its ending, as `Path.stem` does."""
    dot = name.rfind(".")
    return name[:dot] if 0 < dot < len(name) - 1 else name


def ending(name: str) -> str:
    """Give the ending of a file's name with its dot, in small letters, or "", as `Path.suffix` does."""
    dot = name.rfind(".")
    return name[dot:].lower() if 0 < dot < len(name) - 1 else ""


def entries(folder: str | Path, endings: Iterable[str]) -> Iterator[os.DirEntry[str]]:
    """Give what lies in a folder under names of these endings, in any case of letters, hidden ones left out."""
    wanted = frozenset(endings)
    with os.scandir(folder) as found:
        for entry in found:
            name = entry.name
            # What `ending` gives, without a call for each of a million.
            dot = name.rfind(".")
            if dot > 0 and (name[dot:] in wanted or name[dot:].lower() in wanted) and name[0] != ".":
                yield entry


def is_file(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a file, or a link to one."""
    try:
        return entry.is_file()
    except OSError:  # links in a circle
        return os.path.isfile(entry.path)


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder, or a link to one."""
    try:
        return entry.is_dir()
    except OSError:  # links in a circle
        return os.path.isdir(entry.path)


def files_called(folder: str | Path, endings: Iterable[str]) -> Paths:
    """List the files in a folder of these endings by name, in any case of letters, without hidden ones."""
    return Paths.within(folder, sorted(entry.name for entry in entries(folder, endings) if is_file(entry)))
