"""Picture files: finding them, naming what is made from them, writing them."""

import glob
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from ...trainers.data.example import Ids, Source
from ...trainers.data.images import PICTURE_SUFFIXES, picture_files, read_image
from ...trainers.data.listing import no_pictures, passed_over, surroundings
from ...trainers.data.sources import FORMS, SOURCES, open_source
from ...trainers.errors import UsageError
from ...trainers.files import written_beside
from .lettering import Colour

log = logging.getLogger("metricfit")

Input = str | Path | np.ndarray
"""What pictures are given as: a file, folder, pattern or source, or uint8 [H, W, 3]."""


@dataclass(frozen=True)
class Picture:
    """A picture's path as found or name in a source, and what loads it: uint8 RGB or RGBA, or a DataError.

    What loading had to mend is added to `repairs`, a few words each. `ids` are those of the source, where it has some.
    """

    name: str
    load: Callable[[], np.ndarray]
    repairs: list[str] = field(default_factory=list)
    ids: Ids | None = None


def is_source(text: str) -> bool:
    """Tell whether a text names a data source such as `scenes:test`, rather than a path."""
    return text.partition(":")[0] in SOURCES and not Path(text).exists()


def find_pictures(inputs: Iterable[Input]) -> list[Picture]:
    """List the pictures that files, folders (or their `images/`), patterns, sources and arrays name, each once."""
    found: dict[str, Picture] = {}
    for number, given in enumerate(inputs, 1):
        if isinstance(given, np.ndarray):
            name = f"picture-{number}"
            found[name] = Picture(name, given.view)
            continue
        text, path = str(given), Path(given)
        if path.is_dir():
            files = _in_folder(path)
        elif path.is_file():
            files = [path]
        elif is_source(text):
            # Models train on the scenes of the other split.
            source = open_source("scenes:test" if text == "scenes" else text, needs="none")
            for index, name in enumerate(source.names):
                repairs: list[str] = []
                load = partial(_image_of, source, index, repairs)
                found[f"{text}/{name}"] = Picture(name, load, repairs, source.ids)
            for note in source.notes:
                log.warning("%s", note)
            continue
        elif glob.has_magic(text):
            matches = map(Path, sorted(glob.glob(text, recursive=True)))
            matched = list(matches)
            files = [path for path in matched if path.suffix.lower() in PICTURE_SUFFIXES]
            others = passed_over(matched, text)
            if not files:
                raise UsageError("; ".join((f"no picture matches {text!r}: check the pattern", *others)))
            for sentence in others:
                log.warning("%s", sentence)
        else:
            raise UsageError(
                f"expected a picture, a folder, a pattern or a source ({FORMS}); found nothing at {text!r}: "
                f"check the path ({surroundings(path)})"
            )
        for path in files:
            repairs = []
            load = partial(read_image, path, transparency=True, repairs=repairs)
            found[str(path.resolve())] = Picture(str(path), load, repairs)
    return list(found.values())


def _image_of(source: Source, index: int, repairs: list[str]) -> np.ndarray:
    example = source.load(index)
    repairs.extend(example.repairs)
    return example.image


def _in_folder(folder: Path) -> list[Path]:
    for place in (folder, folder / "images"):
        if place.is_dir() and (files := picture_files(place)):
            for sentence in passed_over(place.iterdir(), place):
                log.warning("%s", sentence)
            return files
    raise no_pictures(folder)


def unique_stems(names: Sequence[str]) -> list[str]:
    """Give every picture a stem of its own, even where case is ignored: of equal ones, later get -2, -3 and so on."""
    paths = [Path(name) for name in names]
    own = [path.stem if path.suffix.lower() in PICTURE_SUFFIXES else path.name for path in paths]
    reserved = {stem.casefold() for stem in own}
    taken: set[str] = set()
    stems = []
    for stem in own:
        free, number = stem, 1
        while free.casefold() in taken or (number > 1 and free.casefold() in reserved):
            number += 1
            free = f"{stem}-{number}"
        taken.add(free.casefold())
        stems.append(free)
    return stems


def free_path(folder: Path, stem: str, suffix: str) -> Path:
    """Name the first of FOLDER/STEM-0001SUFFIX, -0002, ... that does not exist yet."""
    paths = (folder / f"{stem}-{number:04d}{suffix}" for number in itertools.count(1))
    return next(path for path in paths if not path.exists())


def letterbox(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Fit a picture, uint8 [H, W, 3], into a size (height, width), its aspect kept, black bars around it."""
    height, width = picture.shape[:2]
    scale = min(size[0] / height, size[1] / width)
    inside = (max(1, round(height * scale)), max(1, round(width * scale)))
    resized = cv2.resize(picture, inside[::-1], interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    rows, columns = size[0] - inside[0], size[1] - inside[1]
    bars = rows // 2, rows - rows // 2, columns // 2, columns - columns // 2
    return cv2.copyMakeBorder(resized, *bars, cv2.BORDER_CONSTANT)


def write_picture(path: Path, picture: np.ndarray) -> Path:
    """Write uint8 [H, W] grey, [H, W, 3] RGB or [H, W, 4] RGBA as .png or .jpg, whole or not at all; gives the path."""
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR if picture.shape[-1] == 3 else cv2.COLOR_RGBA2BGRA)
    # Thin coloured lines would lose their colour to JPEG's usual half resolution of it.
    jpeg = [cv2.IMWRITE_JPEG_QUALITY, 92, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
    setting = [cv2.IMWRITE_PNG_COMPRESSION, 3] if path.suffix.lower() == ".png" else jpeg
    _, encoded = cv2.imencode(path.suffix, picture, setting)
    with written_beside(path) as beside:
        beside.write_bytes(encoded.tobytes())
    return path


def write_indices(path: Path, indices: np.ndarray, colours: Sequence[Colour]) -> Path:
    """Write a class map, uint8 [H, W], as .png with a palette, grey where an index has no colour; gives the path."""
    palette = np.full((256, 3), 120, np.uint8)
    palette[: len(colours)] = colours
    picture = Image.fromarray(indices)
    picture.putpalette(palette.tobytes())
    with written_beside(path) as beside:
        picture.save(beside, format="PNG")
    return path
