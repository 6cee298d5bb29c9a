"""What a prediction has done, kept in its folder as it goes: the journal, and results.json made of it."""

import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import partial
from pathlib import Path
from typing import Any

from ...trainers.errors import MetricfitError, UsageError
from ...trainers.locking import FolderLock
from ...trainers.text import read_json
from ..predictor import Predictor
from ..show.inputs import Picture, file_stamp
from ..tasks.base import Writer
from .checks import JOURNAL, RESULTS, VIDEOS
from .journal import Journal, is_unfinished
from .reserve import Reserve
from .results_file import write_results
from .settings import differences, head_of, settings_of

log = logging.getLogger("metricfit")

REFRESH_SECONDS, REFRESH_TIMES = 5.0, 20
"""results.json is written anew after so long, or so many times what that took: a growing list costs 5 % at most."""
_HALF = re.compile(r"\.\d+\..+")  # a file that a killed process was about to write, see `written_beside`
ROOM = 1 << 20
"""Bytes kept free for it beyond twice its size."""


class Record:
    """The lists of one folder: which pictures and videos are done, and what is said of each.

    What is done stands in the journal, a line each; results.json is made of it now and then, and in any case at the
    end, by whatever that comes.

    Attributes:
        begun: whether anything has been written, or was there to go on with.
        failures: name and error of what could not be read; whoever predicts adds to it.
    """

    def __init__(
        self,
        out: Path,
        predictor: Predictor,
        writer: Writer,
        pictures: list[Picture],
        videos: list[Path],
        smooth: float = 0.0,
    ):
        self.out, self.begun = out, False
        self.failures: list[dict[str, str]] = []
        self.notes: list[str] = []
        self._predictor, self._writer, self._pictures, self._videos = predictor, writer, pictures, videos
        self._smooth = smooth
        self._head = head_of(predictor, writer, smooth)
        self._lock = FolderLock(out)
        self._journal, self._reserve = Journal(out / JOURNAL), Reserve(out)
        self._refresh_at = 0.0

    def begin(self) -> None:
        """Write journal and results.json before anything else: an interrupted prediction's folder is known as ours."""
        if self.begun:
            return
        self._lock.acquire()
        if is_unfinished(self.out / JOURNAL):
            log.warning("%s holds an unfinished prediction, which is begun anew: --resume goes on instead", self.out)
        self._note_earlier()
        self._journal.begin(self._settings())
        self.begun = True
        self._refresh()

    def go_on(self) -> None:
        """Take over what an earlier pass has done and is still so; UsageError where it was told otherwise."""
        self._lock.acquire()
        before = self._journal.go_on()
        if different := differences(before, self._settings()):
            self.close()
            raise UsageError(
                f"{self.out} holds a prediction begun otherwise ({'; '.join(different)}): give the same, leave "
                "--resume out to begin anew, or choose another --out"
            )
        self._note_earlier()
        self.begun = True
        for path in [path for place in {*self._folders(), self.out} for path in place.glob(".*")]:
            if _HALF.fullmatch(path.name):
                path.unlink(missing_ok=True)
        for picture in self._pictures:
            self._check(picture.key, "picture", picture.stamp)
        for path in self._videos:
            self._check(video_key(path), "video", partial(file_stamp, path))

    def stems_of_others(self) -> tuple[list[str], list[str]]:
        """Give the stems that files of other pictures, and of other videos, have from an earlier pass: they stay."""
        own = {*(picture.key for picture in self._pictures), *map(video_key, self._videos)}
        pictures, videos = list[str](), list[str]()
        for key in self._journal:
            if key not in own:
                line = self._journal[key]
                (pictures if "picture" in line else videos).append(stem_of(line))
        return pictures, videos

    def line(self, key: str) -> dict[str, Any] | None:
        """Give what the journal says of a picture or video by its key; None where it is not done."""
        return self._journal.get(key)

    def add(self, key: str, line: dict[str, Any]) -> None:
        """Note what is done, its files being written."""
        self._journal.add(key, line)
        self._refresh()

    @property
    def pictures(self) -> list[str]:
        """The keys of the pictures that are done, in the order of the inputs."""
        return [picture.key for picture in self._pictures if picture.key in self._journal]

    @property
    def videos(self) -> list[str]:
        """The keys of the videos that are done, in the order of the inputs."""
        return [key for key in map(video_key, self._videos) if key in self._journal]

    def finish(self, whole: bool) -> list[Path]:
        """Write results.json and what is about all pictures; gives what was made.

        Where the pass is not `whole`, whatever ended it stays what is told, and faults of this are warnings.
        """
        self._reserve.release()
        pictures, videos = self.pictures, self.videos
        try:
            results = self._write()
            files = self._writer.finish(partial(self._kept, pictures))
            if whole:
                self._journal.end()
        except MetricfitError as error:
            if whole:
                raise
            log.warning("%s; %s has all that was done", error, self._journal.path)
            return []
        finally:
            self.close()
        if not whole:
            done, total = len(pictures) + len(videos), len(self._pictures) + len(self._videos)
            log.warning("%d of %d are done and in %s: the same with --resume goes on", done, total, results)
        return [*(self._folders() if pictures else []), *[self.out / VIDEOS] * bool(videos), results, *files]

    def _folders(self) -> list[Path]:
        """Give the folders of what is made of pictures."""
        return [self.out / Path(file).parent for file, _ in self._predictor.task.files.values()]

    def close(self) -> None:
        """Let the folder and its files go; may be called twice."""
        self._journal.close()
        self._lock.__exit__()

    def _settings(self) -> dict[str, Any]:
        """Give what a pass that goes on with this one must be told alike."""
        return settings_of(self._predictor, self._writer, self._smooth)

    def _check(self, key: str, kind: str, stamp: Callable[[], Any]) -> None:
        """Forget a line whose picture or video has changed since, or whose files are gone: it is done again."""
        if (line := self.line(key)) is not None:
            files = (self.out / file for file in line[kind]["files"].values())
            if line["stamp"] != stamp() or not all(map(Path.is_file, files)):
                self._journal.forget(key)

    def _refresh(self) -> None:
        """Write results.json, where that was long ago, and keep room for the next."""
        started = time.monotonic()
        if started < self._refresh_at:
            return
        self._reserve.hold(ROOM + 2 * self._write().stat().st_size)
        now = time.monotonic()
        self._refresh_at = now + max(REFRESH_SECONDS, REFRESH_TIMES * (now - started))

    def _write(self) -> Path:
        lists: dict[str, Iterable[Any]] = {
            "pictures": (self._journal[key]["picture"] for key in self.pictures),
            **({"videos": (self._journal[key]["video"] for key in self.videos)} if self._videos else {}),
            "failures": self.failures,
        }
        return write_results(self.out / RESULTS, self._head, lists)

    def _kept(self, keys: list[str]) -> Iterator[tuple[dict[str, Any], Any]]:
        lines = (self._journal[key] for key in keys)
        return ((line["picture"], line.get("kept")) for line in lines)

    def _note_earlier(self) -> None:
        """Say what the new results.json does not list any more."""
        names = {picture.name for picture in self._pictures} | set(map(str, self._videos))
        self.notes += earlier_note(self.out / RESULTS, names)


def earlier_note(path: Path, names: AbstractSet[str]) -> list[str]:
    """Say in a sentence what an earlier results.json lists besides these names; nothing where there is none."""
    if not path.is_file():
        return []
    earlier = read_json(path)
    listed = [entry["name"] for kind in ("pictures", "videos") for entry in earlier.get(kind, ())]
    if others := [name for name in listed if name not in names]:
        others_too = f"{path} listed {len(others)} others before, such as {others[0]}"
        return [f"{others_too}: their files stay, but it lists them no more"]
    return []


def stem_of(line: Mapping[str, Any]) -> str:
    """Give what the files of a picture or video are called, of what is noted of it."""
    stem: str = line["stem"] if "picture" in line else Path(line["video"]["files"]["frames"]).stem
    return stem


def video_key(path: Path) -> str:
    """Name a video so that no picture and no other video has that name."""
    return f"video {os.path.realpath(path)}"
