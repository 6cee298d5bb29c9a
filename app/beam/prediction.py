"""A prediction in parts: each worker writes the files of its pictures, and a list of what it found in them."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...trainers.errors import DataError
from ...trainers.files import written_beside
from ...trainers.text import json_text
from ..prediction.checks import PARTS
from ..prediction.pictures import PictureWork, ids_of
from ..prediction.settings import settings_of
from ..predictor import Predictor
from ..show.inputs import Picture, find_pictures
from ..show.stems import unique_stems
from ..show.threshold import Threshold
from ..tasks.base import Writer
from .model import WorkersModel, once
from .parts import Places

FAILURE = "failure"


@dataclass(frozen=True)
class PredictionWork:
    """All that a worker has to be told to predict a part of the pictures, the same for all parts."""

    model: WorkersModel
    places: Places
    inputs: tuple[str, ...]
    out: Path
    threshold: Threshold
    objects: bool = False
    max_megapixels: float | None = None
    resume: bool = False


@dataclass(frozen=True)
class _Opened:
    predictor: Predictor
    writer: Writer
    pictures: list[Picture]
    stems: list[str]
    settings: Mapping[str, Any]


def part_file(out: Path, start: int, stop: int) -> Path:
    """Name the list of a part: a first line about it, then one a picture, as in the journal of a single process."""
    return out / PARTS / f"{start:09d}-{stop:09d}.jsonl"


def predict_part(work: PredictionWork, start: int, stop: int) -> int:
    """Predict the pictures of a part, whatever is wrong with some; gives how many were done now.

    With `resume`, those that an earlier run has done and that are still so are taken over.
    """
    opened = once(work, lambda: _open(work))
    path, head = part_file(work.out, start, stop), head_of(work, opened.settings, start, stop)
    before = {line["key"]: line for line in _earlier(path, head)} if work.resume else {}
    failures: list[dict[str, str]] = []
    doing, done, lines = PictureWork(opened.predictor, opened.writer, work.threshold, failures), 0, [head]
    for picture, stem in zip(opened.pictures[start:stop], opened.stems[start:stop]):
        stamp, line = picture.stamp(), before.get(picture.key)
        if line is None or not _still_so(line, stamp, work.out):
            result = doing.find(picture)
            line = None if result is None else doing.keep(picture, result, stem, stamp)
            done += 1
        lines.append({**({FAILURE: failures[-1]} if line is None else line), "key": picture.key})
    with written_beside(path) as beside:
        beside.write_text("".join(json_text(line) + "\n" for line in lines), encoding="utf-8")
    return done


def head_of(work: PredictionWork, settings: Mapping[str, Any], start: int, stop: int) -> dict[str, Any]:
    """Give the first line of a part's list."""
    return {"settings": dict(settings), "part": [start, stop], "of": work.places.count, "names": work.places.digest}


def lines_of(out: Path, places: Places) -> Iterator[dict[str, Any]]:
    """Give the lines of all parts in the order of the pictures, one at a time; DataError where one is missing."""
    for start, stop in places.parts():
        path, count = part_file(out, start, stop), 0
        try:
            with path.open(encoding="utf-8") as file:
                next(file)
                for line in file:
                    count += 1
                    yield json.loads(line)
        except (OSError, StopIteration, ValueError) as error:
            raise DataError(f"{path} cannot be read ({error}): the same with --resume makes it anew") from error
        if count != stop - start:
            raise DataError(f"{path} has {count} pictures, expected {stop - start}: --resume makes it anew")


def writer_of(work: PredictionWork, predictor: Predictor, pictures: list[Picture]) -> Writer:
    """Make what writes the files of pictures."""
    task = predictor.task
    return task.writer(task.files, work.threshold, predictor.class_names, work.out, ids_of(pictures), work.objects)


def _open(work: PredictionWork) -> _Opened:
    predictor = work.model.load()
    pictures = find_pictures(work.inputs, max_megapixels=work.max_megapixels)
    names = [picture.name for picture in pictures]
    work.places.check(names, " ".join(work.inputs))
    writer = writer_of(work, predictor, pictures)
    settings = settings_of(predictor, writer)
    return _Opened(predictor, writer, pictures, unique_stems(names), settings)


def _earlier(path: Path, head: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give the pictures that an earlier run has done, where it was told the same; lists are whole or not there."""
    if path.is_file():
        with path.open(encoding="utf-8") as file:
            if json.loads(next(file)) == head:
                yield from (line for line in map(json.loads, file) if FAILURE not in line)


def _still_so(line: Mapping[str, Any], stamp: Any, out: Path) -> bool:
    return line["stamp"] == stamp and all((out / file).is_file() for file in line["picture"]["files"].values())
