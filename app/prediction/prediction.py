"""One pass over pictures and videos: what is found is written as it goes, and an interrupted pass can be continued."""

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from ...trainers.errors import DataError, UsageError
from ...trainers.judge.tiles import Tiling
from ...trainers.models.detector.suppression import Suppression
from ...trainers.progress import progress
from ...trainers.text import counted, printable, read_json
from ..live.clip_predictor import ClipPredictor
from ..live.encoders import usual_suffix
from ..live.video import Video
from ..predictor import Predictor, load_predictor, resolve_threshold
from ..reports import made
from ..results import Result
from ..show.inputs import Input, file_stamp, find_pictures
from ..show.stems import renamed, unique_stems
from .checks import JOURNAL, RESULTS, VIDEOS, check_folder, check_order
from .clip_files import ClipFiles
from .pictures import PictureWork, ids_of, raise_failures
from .record import Record, stem_of, video_key


class Prediction:
    """One pass, arguments as in `metricfit.predict`: iterating writes each result, and last results.json.

    Nothing is written before something could be read, so that a refusal leaves nothing behind.
    """

    def __init__(
        self,
        model: str | Path | Predictor,
        inputs: Iterable[Input],
        out: Path | None,
        *,
        threshold: float | None,
        objects: bool = False,
        resume: bool = False,
        threads: int | None,
        trust: bool = False,
        quiet: bool,
        max_megapixels: float | None = None,
        suppression: Suppression | None = None,
        tiling: Tiling | None = None,
        smooth: float = 0.0,
    ):
        several = list(inputs)
        if not isinstance(model, Predictor):
            check_order(model, several)
        self.videos: list[Path] = []
        self.pictures = find_pictures(several, self.videos, max_megapixels=max_megapixels)
        self.out, self.quiet = out, quiet
        check_folder(len(self.pictures), self.videos, out, resume)
        if not isinstance(model, Predictor):
            model = load_predictor(model, threads=threads, trust=trust, suppression=suppression, tiling=tiling)
        elif suppression or tiling:
            raise UsageError("a predictor has its NMS and its tiles already: give them to metricfit.load")
        self.predictor = predictor = model
        self._smooth = smooth
        ClipPredictor(predictor, smooth)  # refuses what it cannot smooth, before anything is written
        if smooth and not self.videos:
            raise UsageError("--smooth is of videos, and there is none among what is given: leave it out")
        self.threshold = predictor.threshold if threshold is None else resolve_threshold(threshold, predictor)
        self.repaired: dict[str, list[str]] = {}  # what was mended on reading -> the names of the pictures
        self.notes: list[str] = []  # what the user may have expected and did not get
        self.paths: list[Path] = []  # what was made
        task, place = predictor.task, out or Path()
        ids = ids_of(self.pictures)
        self._writer = task.writer(task.files, self.threshold, predictor.class_names, place, ids, objects)
        self._record = Record(place, predictor, self._writer, self.pictures, self.videos, smooth)
        self.failures = self._record.failures  # name and error of what could not be read
        self._work = PictureWork(predictor, self._writer, self.threshold, self.failures)
        if resume and (place / JOURNAL).is_file():
            self._record.go_on()
        self.before = len(self._record.pictures) + len(self._record.videos)  # what an earlier pass has done

    @property
    def summary(self) -> dict[str, Any]:
        """What results.json holds; empty where there is none."""
        found: dict[str, Any] = read_json(self.out / RESULTS) if self.out is not None and self._record.begun else {}
        return found

    def __iter__(self) -> Generator[Result, None, None]:
        """Yield the result of every picture that can be read and was not done before; those of videos are written."""
        whole = False
        try:
            yield from self._over_pictures()
            self._over_videos()
            whole = True
        finally:
            if self._record.begun:
                self.paths = self._record.finish(whole)

    def lines(self) -> list[str]:
        """Say what was done, and name each thing made."""
        pictures, videos = len(self._record.pictures), len(self._record.videos)
        counts = [f"{pictures} of {len(self.pictures)} pictures"] * bool(pictures)
        counts += [f"{videos} of {len(self.videos)} videos"] * bool(videos)
        how = f"with {self.predictor.file}, {self.threshold.explained}"
        how += f"; {self.before} of them were done before" * bool(self.before)
        told = [f"{', '.join(counts)} {how}"] * bool(counts)
        notes = dict.fromkeys([*self._record.notes, *self.notes])
        return [*told, *map(printable, notes), *(made([printable(str(path))]) for path in self.paths)]

    def raise_failures(self) -> None:
        """Put what could not be read into one DataError."""
        what = "files" if self.videos else "pictures"
        raise_failures(self.failures, len(self.pictures) + len(self.videos), what)

    def _over_pictures(self) -> Iterator[Result]:
        lines = (self._record.line(picture.key) for picture in self.pictures)
        done = {place: (line["stem"], line["repairs"]) for place, line in enumerate(lines) if line is not None}
        for place, (_, repairs) in done.items():
            self._note_repairs(self.pictures[place].name, repairs)
        given = {place: stem for place, (stem, _) in done.items()}
        others, _ = self._record.stems_of_others()
        stems = unique_stems([picture.name for picture in self.pictures], given, others)
        todo = [pair for place, pair in enumerate(zip(self.pictures, stems)) if place not in done]
        with self._bar("predict", len(stems), "picture", len(done)) as bar:
            for picture, stem in todo:
                stamp = picture.stamp() if self.out is not None else None
                result = self._work.find(picture)
                if result is not None:
                    self._note_repairs(picture.name, picture.repairs)
                if result is not None and self.out is not None:
                    self._record.begin()
                    line = self._work.keep(picture, result, stem, stamp)
                    # None of it, where its files cannot be made.
                    result = result if line is not None else None
                    if line is not None:
                        self._record.add(picture.key, line)
                if result is not None:
                    yield result
                bar.update()
        if self._record.begun and (long := [picture.name for picture in self.pictures if renamed(picture.name)]):
            count = counted(len(long), "picture")
            self.notes.append(f"the files of {count} have other names, as results.json says, such as of {long[0]}")

    def _over_videos(self) -> None:
        lines = (self._record.line(video_key(path)) for path in self.videos)
        given = {place: stem_of(line) for place, line in enumerate(lines) if line is not None}
        _, others = self._record.stems_of_others()
        for path, stem in zip(self.videos, unique_stems(map(str, self.videos), given, others), strict=True):
            try:
                line = self._record.line(video_key(path)) or self._play(path, stem)
                faults = line["faults"]
            except DataError as error:
                faults = [str(error)]
            self.failures += [{"name": str(path), "error": fault} for fault in faults]

    def _note_repairs(self, name: str, repairs: list[str]) -> None:
        for repair in repairs:
            self.repaired.setdefault(repair, []).append(name)

    def _play(self, path: Path, stem: str) -> dict[str, Any]:
        """Predict a video's frames, write what is drawn and known of them; gives what is noted of it."""
        assert self.out is not None
        find, stamp, source, clip = ClipPredictor(self.predictor, self._smooth), file_stamp(path), Video(path), None
        files = {"video": f"{VIDEOS}/{stem}{usual_suffix()}", "frames": f"{VIDEOS}/{stem}.jsonl"}
        try:
            with self._bar(path.name, source.length, "frame") as bar:
                while (frame := source.read()) is not None:
                    self._record.begin()
                    clip = clip or ClipFiles(self.out / files["video"], self.out / files["frames"], source.fps)
                    result = find(frame.image, frame.index, str(path)).at(self.threshold)
                    seconds = round(frame.index / source.fps, 3)
                    clip.add(
                        result.draw(objects=self._writer.objects),
                        {"frame": frame.index, "seconds": seconds, **result.to_dict()},
                    )
                    bar.update()
        except BaseException:
            if clip is not None:
                clip.leave()
            raise
        finally:
            source.close()
        assert clip is not None
        clip.finish()
        self.notes += [clip.note] * bool(clip.note)
        entry = {"name": str(path), "fps": source.fps, "frames": clip.frames, "files": files}
        line = {"video": entry, "stamp": stamp, "faults": source.faults}
        self._record.add(video_key(path), line)
        return line

    def _bar(self, title: str, total: int | None, unit: str, done: int = 0) -> Any:
        return progress(total=total, initial=done, desc=title, unit=unit, quiet=self.quiet or total == done)
