"""The pictures below a folder, found by the names that files of annotations give them."""

import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from ...errors import DataError
from ...text import composed, folded
from ..images import PICTURE_SUFFIXES
from ..listing import unread_endings
from ..paths import Paths, ending, is_file


class Found(Sequence[Path | DataError]):
    """The path of each picture, packed, or why it cannot be had.

    Attributes:
        paths: of each picture; of one that cannot be had, any.
        errors: number -> why it cannot be had.
    """

    def __init__(self, paths: Paths, places: np.ndarray, errors: dict[int, DataError]):
        self.paths, self.errors = paths.take(np.maximum(places, 0)) if len(paths) else paths, errors
        self._count = len(places)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> Path | DataError:  # type: ignore[override]
        index = range(len(self))[index]
        return self.errors.get(index) or self.paths[index]


class PictureFolder:
    """The pictures below a folder, at any depth; `unlisted` is how many of them nobody has asked for."""

    def __init__(self, folder: Path):
        self._folder, self.unlisted = folder, 0
        parts = [Paths((folder_in,), np.zeros(0), names) for folder_in, names in self._walk(PICTURE_SUFFIXES)]
        self._paths = Paths.joined(parts)
        start = len(os.path.join(str(folder), ""))
        within = [part.folders[0][start:].replace(os.sep, "/") for part in parts]
        self._names = [
            composed(f"{inside}/{name}" if inside else name)
            for inside, part in zip(within, parts)
            for name in part.names
        ]

    def _walk(self, endings: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
        """Give each folder with its files of some endings, all sorted; links to folders are not followed."""
        waiting = [str(self._folder)]
        while waiting:
            place, names, folders = waiting.pop(), [], []
            with os.scandir(place) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif ending(entry.name) in endings and not entry.name.startswith(".") and is_file(entry):
                        names.append(entry.name)
            waiting += sorted(folders, reverse=True)
            if names:
                yield place, sorted(names)

    @property
    def unread(self) -> list[Path]:
        """The files that hold pictures and are not read."""
        return [Path(place, name) for place, names in self._walk(unread_endings()) for name in names]

    def find_all(self, file_names: Sequence[str], listed: Path) -> Found:
        """Give the path of each picture, or why it cannot be had; no two get the same one."""
        place_of = {name: place for place, name in enumerate(self._names)}
        places = np.fromiter((place_of.get(plain(name), -1) for name in file_names), np.int64, len(file_names))
        taken = np.bincount(places[places >= 0], minlength=len(self._names))
        self.unlisted = int((taken == 0).sum())
        if (places >= 0).all() and taken.max(initial=0) < 2:
            return Found(self._paths, places, {})
        return self._with_doubts(file_names, place_of, listed)

    def _with_doubts(self, file_names: Sequence[str], place_of: dict[str, int], listed: Path) -> Found:
        """Find pictures of which some are written otherwise, are missing, or are meant by several names."""
        alike: dict[str, list[int]] = defaultdict(list)
        last: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for place, name in enumerate(self._names):
            alike[folded(name)].append(place)
            last[folded(name.rpartition("/")[2])].append((f"/{folded(name)}", place))

        def meant(name: str) -> list[int]:
            """Folders in front may be left out or be too many, but those that both have must agree."""
            if name in place_of:
                return [place_of[name]]
            wanted = f"/{folded(name)}"
            return alike.get(folded(name)) or [
                place
                for other, place in last.get(folded(PurePosixPath(name).name), [])
                if other.endswith(wanted) or wanted.endswith(other)
            ]

        found = [meant(plain(name)) for name in file_names]
        takers: dict[int, list[int]] = defaultdict(list)
        for index, ways in enumerate(found):
            for place in ways:
                takers[place].append(index)
        self.unlisted = len(self._names) - len(takers)
        places, errors = np.full(len(found), -1), {}
        for index, ways in enumerate(found):
            name = file_names[index]
            if not ways:
                text = f"{listed} lists {name}, and there is no such picture in {self._folder}: add it"
            elif len(ways) > 1:
                text = (
                    f"{listed} lists {name}, which can be {self._paths[ways[0]]} or {self._paths[ways[1]]}: rename one "
                    "of them, or write the folder too"
                )
            else:
                rivals = takers[ways[0]]
                # The one that is written exactly so is right, whoever else means it.
                if len(rivals) == 1 or [rival for rival in rivals if plain(file_names[rival]) in place_of] == [index]:
                    places[index] = ways[0]
                    continue
                names = " and ".join(file_names[rival] for rival in rivals)
                text = (
                    f"{listed} lists {names}, all found as {self._paths[ways[0]]}: correct the names, or add what is "
                    "missing"
                )
            errors[index] = DataError(text)
        return Found(self._paths, places, errors)


def plain(file_name: str) -> str:
    """Write a path composed, with slashes, and without steps to where it is or above."""
    parts = composed(file_name).replace("\\", "/").split("/")
    return "/".join(part for part in parts if part not in ("", ".", ".."))
