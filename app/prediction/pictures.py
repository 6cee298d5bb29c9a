"""The work on one picture: found, written, and told, whatever is wrong with it; the same in one process and in many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import cv2

from ...trainers.data.example import Ids
from ...trainers.errors import DataError, first_line
from ...trainers.text import printable
from ..predictor import Predictor
from ..results import Result
from ..show.inputs import Picture
from ..show.threshold import Threshold
from ..tasks.base import Writer

FoundT = TypeVar("FoundT")


@dataclass
class PictureWork:
    """What is done to each picture; name and error of one that does not allow it are added to `failures`."""

    predictor: Predictor
    writer: Writer
    threshold: Threshold
    failures: list[dict[str, str]]

    def find(self, picture: Picture) -> Result | None:
        """Read a picture and find what is in it; None where that fails."""
        return self._guarded(picture.name, partial(self._found, picture))

    def keep(self, picture: Picture, result: Result, stem: str, stamp: Any) -> dict[str, Any] | None:
        """Write the files of a picture; gives what is noted of it, None where that fails."""
        return self._guarded(picture.name, partial(self._kept, picture, result, stem, stamp))

    def _found(self, picture: Picture) -> Result:
        return self.predictor(picture.load(), picture.name, seen=picture.seen).at(self.threshold)

    def _kept(self, picture: Picture, result: Result, stem: str, stamp: Any) -> dict[str, Any]:
        line = {"picture": self.writer.add(result, stem), "stem": stem, "stamp": stamp, "repairs": picture.repairs}
        kept = self.writer.kept(result)
        return line if kept is None else {**line, "kept": kept}

    def _guarded(self, name: str, work: Callable[[], FoundT]) -> FoundT | None:
        try:
            return work()
        except DataError as error:
            told = str(error) if name in str(error) else f"{name}: {error}"
            self.failures.append({"name": name, "error": told})
        except (MemoryError, cv2.error) as error:
            reason = f"{type(error).__name__}: {first_line(error)}"
            self.failures.append({"name": name, "error": f"{name} cannot be predicted ({reason}): make it smaller"})
        return None


def ids_of(pictures: Sequence[Picture]) -> Ids | None:
    """Give the ids by which a source numbers the pictures, where all are of one; those of several may clash."""
    ids = pictures[0].ids if pictures else None
    return ids if all(picture.ids is ids for picture in pictures) else None


def raise_failures(failures: Sequence[dict[str, str]], total: int, what: str = "pictures") -> None:
    """Put what could not be read of so many into one DataError; nothing where all could."""
    errors = [printable(failure["error"]) for failure in failures]
    if errors and total == 1:
        raise DataError(errors[0])
    count = f"{len(errors)} of {total} {what} could not be read, the others were done"
    if len(errors) == total:
        count = f"none of the {total} {what} could be read"
    if errors:
        raise DataError(f"{count}:\n  " + "\n  ".join(errors))
