"""Which annotation file belongs to which picture, wherever below a folder the two lie."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from os.path import dirname
from pathlib import Path
from posixpath import commonpath

from ....errors import DataError
from ....text import composed, folded
from ...classes import read_class_names
from ...listing import broken_links, passed_over, unread_endings
from ..annotations import Files
from ..layouts.base import Tree
from ..layouts.names import Place, place_of, same_split, split_of
from ..lists import read_list, stem_of
from .annotated import Annotated, Annotation, Read, nothing_written


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

    def entries(self, read: Read, missing: Callable[[Path], Annotation | DataError]) -> list[Annotated]:
        """Bring the chosen pictures and what was read together; `missing` says what of a picture without a file."""
        common = commonpath(["/" + name.rpartition("/")[0] for name in self.chosen]) if self.chosen else "/"
        entries = []
        for stem, recased in self.chosen.items():
            # Folders that all of them lie in are no part of their names.
            name = stem[len(common) :].removeprefix("/") if len(common) > 1 else stem
            try:
                picture, file = self.pictures.file(stem), self.files.find(stem, self.pictures)
            except DataError as error:
                entries.append(Annotated(name, error, error))
                continue
            said = missing(picture) if file is None else read.get(file, nothing_written(file))
            entries.append(
                Annotated(name, picture, said, recased or (file is not None and self.files.key(file) != stem))
            )
        return entries

    def class_names(self, read: Read, listed: Path, where: object) -> tuple[str, ...]:
        """Give the lines of the file `listed`, or else all names in annotations of pictures that are there, sorted."""
        if listed.is_file():
            return read_class_names(listed)
        # What is left over of pictures that are gone must not add classes.
        used = [said for path, said in read.items() if self.pictures.stem_of(self.files.key(path), self.files)]
        names = sorted({name for said in used if isinstance(said, Annotation) for name in said.names})
        if not names and not any(isinstance(said, DataError) for said in used):
            raise DataError(
                f"no annotation in {where} names an object of a picture, so there are no classes: "
                f"write them into {listed}, one a line, or annotate objects"
            )
        return tuple(names)

    def orphans(self, where: object) -> tuple[tuple[str, str], ...]:
        """Give the faults (name, sentence) of files without a picture, and of broken links, where all are taken."""
        lonely = (path for path in self.files.paths if self.pictures.stem_of(self.files.key(path), self.files) is None)
        text = "annotation {} has no picture of the same name in {}: add the picture, or remove the file"
        found = tuple((path.name, text.format(path, where)) for path in lonely)
        return (*found, *_broken_links(self.pictures.paths)) if self.whole else ()


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
    if pictures is None:
        candidates = tree.pictures()
        holding, among = {dirname(path) for path in files}, {dirname(path) for path in candidates}
        places = {folder for folder in among if folder in holding or _place(folder, tree.root).role != "partner"}
        pictures = [path for path in candidates if dirname(path) in places]
    folders = {dirname(path) for path in (*pictures, *files)}
    contexts = {folder: _context(_place(folder, tree.root).folder) for folder in folders}

    def name_of(path: Path) -> str:
        return "/".join((*contexts[dirname(path)], composed(path.stem)))

    found = Files(pictures, name_of), Files(files, name_of)
    if not _shared(*found) and len({path.stem for path in pictures}) == len(pictures):
        found = Files(pictures), Files(files)
    split_of_folder = {folder: split_of(context) for folder, context in contexts.items()}
    split_in = {found[0].key(path): split_of_folder[dirname(path)] for path in pictures}
    splits = tuple(sorted(set(split_in.values()) - {""}))
    notes = passed_over(tree.files(*unread_endings()), tree.root)
    if not tree.split:
        return Pairing(*found, dict.fromkeys(found[0].stems, False), splits, notes=notes)
    parts = {found[0].key(path): contexts[dirname(path)] for path in pictures}
    wanted = tree.split.casefold()
    part = [
        name
        for name in found[0].stems
        if same_split(split_in[name], tree.split) or wanted in (word.casefold() for word in parts[name])
    ]
    if part:
        taken = set(part)
        faults = _broken_links(path for path in pictures if found[0].key(path) in taken)
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


def _broken_links(pictures: Iterable[Path]) -> tuple[tuple[str, str], ...]:
    folders = dict.fromkeys(path.parent for path in pictures)
    return tuple(fault for folder in folders for fault in broken_links(folder))


def _written(name: str, entry: str) -> bool:
    last = name.rpartition("/")[2]
    return last in (stem_of(composed(entry)), composed(entry).replace("\\", "/").rpartition("/")[2])


def _shared(pictures: Files, files: Files) -> int:
    return len({folded(stem) for stem in pictures.stems} & {folded(stem) for stem in files.stems})


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
