"""`metricfit predict`: pictures and videos -> what the model finds in them, drawn and as JSON."""

import itertools
import json
import logging
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..trainers.errors import DataError, UsageError
from ..trainers.files import write_json, write_text
from ..trainers.progress import progress
from ..trainers.text import read_json
from .live.encoders import usual_suffix
from .live.options import PredictOptions
from .live.recording import Recording
from .live.video import Video
from .predictor import Predictor, is_model, load_predictor, resolve_threshold
from .reports import made
from .results import Result
from .show.inputs import Input, Picture, find_pictures, is_picture, is_video
from .show.stems import unique_stems
from .tasks import TASKS

log = logging.getLogger("metricfit")

RESULTS, VIDEOS = "results.json", "videos"
SCHEMA_VERSION = 1


def predict_files(options: PredictOptions) -> int:
    """Run the verb `predict`; gives the exit code."""
    predict(options)
    return 0


def predict(options: PredictOptions) -> dict[str, Any]:
    """Predict every picture and video, write what was found, and say what was made; gives what results.json holds."""
    prediction = Prediction(
        options.model, options.inputs, options.out or _fresh_folder(),
        threshold=options.threshold, objects=options.objects, threads=options.threads, trust=options.trust,
        quiet=options.quiet,
    )  # fmt: skip
    for _ in prediction:
        pass
    for repair, names in prediction.repaired.items():
        shown = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
        log.warning("repaired: %s (%d of %d pictures: %s)", repair, len(names), len(prediction.pictures), shown)
    for line in prediction.lines():
        print(line)
    prediction.raise_failures()
    return prediction.summary


class Prediction:
    """One pass over pictures and videos, arguments as in `metricfit.predict`: iterating writes, and last results.json.

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
        threads: int | None,
        trust: bool = False,
        quiet: bool,
    ):
        several = list(inputs)
        if not isinstance(model, Predictor):
            _check_order(model, several)
        self.videos: list[Path] = []
        self.pictures, self.out, self.quiet = find_pictures(several, self.videos), out, quiet
        _check(len(self.pictures), self.videos, out)
        if not isinstance(model, Predictor):
            model = load_predictor(model, threads=threads, trust=trust)
        predictor = model
        self.predictor = predictor
        self.threshold = predictor.threshold if threshold is None else resolve_threshold(threshold, predictor)
        self.entries: list[dict[str, Any]] = []  # by picture, what results.json says about it
        self.clips: list[dict[str, Any]] = []  # and by video
        self.failures: list[dict[str, str]] = []  # name and error of what could not be read
        self.repaired: dict[str, list[str]] = {}  # what was mended on reading -> the names of the pictures
        self.notes: list[str] = []  # what the user may have expected and did not get
        self.summary: dict[str, Any] = {}  # what results.json holds
        self.paths: list[Path] = []  # what was made
        task, place = predictor.task, out or Path()
        ids = self.pictures[0].ids if self.pictures else None
        # Those of several sources may clash.
        ids = ids if all(picture.ids is ids for picture in self.pictures) else None
        self._writer = task.writer(task.files, self.threshold, predictor.class_names, place, ids, objects)

    def __iter__(self) -> Iterator[Result]:
        """Yield the result of every picture that can be read; those of videos are written alone."""
        stems = unique_stems([picture.name for picture in self.pictures])
        with self._bar("predict", len(stems), "picture") as bar:
            for picture, stem in zip(self.pictures, stems, strict=True):
                if (result := self._found(picture)) is not None:
                    if self.out is not None:
                        self._begin()
                        self.entries.append(self._writer.add(result, stem))
                    yield result
                bar.update()
        for path, stem in zip(self.videos, unique_stems(list(map(str, self.videos))), strict=True):
            try:
                self._play(path, stem)
            except DataError as error:
                self.failures.append({"name": str(path), "error": str(error)})
        if self.out is not None and self.summary:
            kinds = [file for file, _ in self.predictor.task.files.values() if self.entries]
            folders = [self.out / Path(file).parent for file in kinds] + [self.out / VIDEOS] * bool(self.clips)
            self.paths = [*folders, write_json(self.out / RESULTS, self.summary), *self._writer.finish()]

    def lines(self) -> list[str]:
        """Say what was done, and name each thing made."""
        done, total = len(self.entries), len(self.pictures)
        counts = [f"{done} of {total} pictures"] * bool(done)
        counts += [f"{len(self.clips)} of {len(self.videos)} videos"] * bool(self.clips)
        how = f"with {self.predictor.file}, {self.threshold.explained}"
        counted = [f"{', '.join(counts)} {how}"] * bool(counts)
        return [*counted, *dict.fromkeys(self.notes), *made(self.paths).splitlines()]

    def raise_failures(self) -> None:
        """Put what could not be read into one DataError."""
        errors, total = [failure["error"] for failure in self.failures], len(self.pictures) + len(self.videos)
        if errors and total == 1:
            raise DataError(errors[0])
        what = "files" if self.videos else "pictures"
        count = f"{len(errors)} of {total} {what} could not be read, the others were done"
        if len(errors) == total:
            count = f"none of the {total} {what} could be read"
        if errors:
            raise DataError(f"{count}:\n  " + "\n  ".join(errors))

    def _bar(self, title: str, total: int | None, unit: str) -> Any:
        return progress(total=total, desc=title, unit=unit, quiet=self.quiet or total == 0)

    def _begin(self) -> None:
        """Write results.json before anything else: an interrupted prediction's folder is then known as ours."""
        if self.summary or self.out is None:
            return
        self._note_earlier(self.out / RESULTS)
        runner = self.predictor.runner
        self.summary |= {
            "schema_version": SCHEMA_VERSION,
            "task": self.predictor.task.name,
            "model": str(runner.path),
            "card": runner.card and runner.card.name,
            "input_size": runner.size,
            **self._writer.settings(),
            "pictures": self.entries,
            **({"videos": self.clips} if self.videos else {}),
            "failures": self.failures,
        }
        write_json(self.out / RESULTS, self.summary)

    def _note_earlier(self, path: Path) -> None:
        """Say what the new results.json does not list any more."""
        if not path.is_file():
            return
        earlier = read_json(path)
        names = {picture.name for picture in self.pictures} | set(map(str, self.videos))
        listed = [entry["name"] for kind in ("pictures", "videos") for entry in earlier.get(kind, ())]
        if others := [name for name in listed if name not in names]:
            self.notes.append(
                f"{path} listed {len(others)} others before, such as {others[0]}: their files stay, but it lists them "
                "no more"
            )

    def _found(self, picture: Picture) -> Result | None:
        """Predict a picture; None, and a failure noted, where it cannot be read."""
        try:
            image = picture.load()
        except DataError as error:
            self.failures.append({"name": picture.name, "error": str(error)})
            return None
        for repair in picture.repairs:
            self.repaired.setdefault(repair, []).append(picture.name)
        return self.predictor(image, picture.name).at(self.threshold)

    def _play(self, path: Path, stem: str) -> None:
        """Predict a video's frames: a video of what is drawn, and a line of JSON for each frame."""
        assert self.out is not None
        source, lines = Video(path), list[str]()
        files = {"video": f"{VIDEOS}/{stem}{usual_suffix()}", "frames": f"{VIDEOS}/{stem}.jsonl"}
        recording = None
        try:
            with self._bar(path.name, source.length, "frame") as bar:
                while (frame := source.read()) is not None:
                    self._begin()
                    recording = recording or Recording(self.out / files["video"], source.fps)
                    result = self.predictor(frame.image, str(path)).at(self.threshold)
                    recording.write(result.draw(objects=self._writer.objects))
                    facts = {"frame": frame.index, "seconds": round(frame.index / source.fps, 3), **result.to_dict()}
                    lines.append(json.dumps(facts, ensure_ascii=False))
                    bar.update()
        finally:
            source.close()
            if recording is not None:
                recording.close()
        if recording is not None:
            self.notes += [recording.note] * bool(recording.note)
        write_text(self.out / files["frames"], "\n".join(lines) + "\n")
        self.clips.append({"name": str(path), "fps": source.fps, "frames": len(lines), "files": files})
        self.failures += [{"name": str(path), "error": fault} for fault in source.faults]


def _fresh_folder() -> Path:
    """Name the first of predictions, predictions-2, ... that is free: no earlier prediction is written over."""
    names = itertools.chain(["predictions"], (f"predictions-{number}" for number in itertools.count(2)))
    return next(path for path in map(Path, names) if not path.exists())


def _check_order(model: str | Path, inputs: list[Input]) -> None:
    """Refuse a picture in place of the model, and say what may have been meant."""
    if is_model(model):
        return
    given = [str(one) for one in inputs if not isinstance(one, np.ndarray)]
    if models := [one for one in given if is_model(one)]:
        others = [one for one in given if one != models[0]]
        meant = shlex.join([models[0], str(model), *others])
        raise UsageError(
            f"expected a model before the pictures, {model} is none and {models[0]} is one: did you mean "
            f"metricfit predict {meant}?"
        )
    if is_picture(Path(model)) or is_video(Path(model)):
        raise UsageError(
            f"expected a model before the pictures, {model} is none: did you mean "
            f"metricfit predict saliency_lite0 {shlex.join([str(model), *given])}?"
        )


def _check(pictures: int, videos: list[Path], out: Path | None) -> None:
    """Refuse to predict nothing, or to write among files of others: the masks of a data folder would be overwritten."""
    if not pictures and not videos:
        raise UsageError("expected at least one picture, video, folder, pattern or source to predict, got none")
    if out is None:
        if videos:
            raise UsageError(f"{videos[0]} is a video, of which results are written and not kept: give out as well")
        return
    if out.exists() and not out.is_dir():
        raise UsageError(f"expected a folder as --out, {out} is a file: choose another")
    # Files that lie beside results.json are from here.
    if (out / RESULTS).is_file():
        return
    kinds = {out / Path(file).parent for task in TASKS.values() for file, _ in task.files.values()}
    for folder in sorted({*kinds, out / VIDEOS}):
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} holds files that are not from an earlier prediction: choose another --out")
