"""`metricfit predict --runner`: the work divided, the pipeline run, and the lists of all parts made into one."""

import json
import logging
import re
import shutil
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...trainers.errors import UsageError
from ...trainers.files import write_json, written_beside
from ...trainers.judge.tiles import Tiling
from ...trainers.locking import FolderLock
from ...trainers.models.detector.suppression import Suppression
from ...trainers.text import counted, json_text, printable, read_json
from ..prediction.checks import PARTS, RESULTS, check_order, check_parts
from ..prediction.pictures import raise_failures
from ..prediction.record import earlier_note
from ..prediction.results_file import write_results
from ..prediction.settings import differences, head_of, settings_of
from ..predictor import Predictor, load_predictor, resolve_threshold
from ..reports import made
from ..results import Result
from ..show.inputs import Input, find_pictures
from ..show.stems import renamed
from .model import WorkersModel
from .parts import Places
from .prediction import FAILURE, PredictionWork, lines_of, writer_of
from .progress import BESIDE, folder_of_workers
from .runners import check_runner, run

log = logging.getLogger("metricfit")

ERRORS = "errors.jsonl"


class RunnerPrediction:
    """A prediction by a pipeline, with what `Prediction` says of itself; iterating it does it, and yields nothing.

    The pictures' files and results.json are those of one process, to the byte. Beside them are the lists of the parts,
    and errors.jsonl, which names what could not be read.
    """

    def __init__(
        self,
        model: str | Path | Predictor,
        inputs: Sequence[Input],
        out: Path | None,
        runner: str,
        runner_options: Sequence[str] = (),
        *,
        threshold: float | None = None,
        objects: bool = False,
        resume: bool = False,
        threads: int | None = None,
        trust: bool = False,
        quiet: bool = False,
        max_megapixels: float | None = None,
        suppression: Suppression | None = None,
        tiling: Tiling | None = None,
    ):
        check_runner(runner, runner_options)
        if isinstance(model, Predictor):
            raise UsageError("workers load the model from its file: give its path with a runner, not a predictor")
        if any(isinstance(one, np.ndarray) for one in inputs):
            raise UsageError("workers read the pictures from their files: give paths or a source with a runner")
        if out is None:
            raise UsageError("what workers find is written and not kept: give out as well with a runner")
        if re.match(r"[a-z][a-z0-9]+:/", str(out)):
            raise UsageError(
                f"--out {out} must be a folder that all workers reach by this path: mount the bucket, or give a disk "
                "that they share"
            )
        self._runner, self._told, self.out, self._quiet = runner, tuple(runner_options), out, quiet
        texts = tuple(map(str, inputs))
        check_order(model, list(inputs))
        videos: list[Path] = []
        self.pictures = find_pictures(texts, videos, max_megapixels=max_megapixels)
        if videos:
            raise UsageError(f"{videos[0]} is a video, which one process predicts, frame by frame: leave --runner out")
        if not self.pictures:
            raise UsageError("expected at least one picture, folder, pattern or source to predict, got none")
        if out.exists() and not out.is_dir():
            raise UsageError(f"expected a folder as --out, {out} is a file: choose another")
        check_parts(out, resume)
        self._predictor = predictor = load_predictor(
            model, threads=threads, trust=trust, suppression=suppression, tiling=tiling
        )
        self.threshold = predictor.threshold if threshold is None else resolve_threshold(threshold, predictor)
        names = [picture.name for picture in self.pictures]
        self._work = PredictionWork(
            WorkersModel.of(predictor, model, threads=threads), Places.of(names), texts, out.absolute(),
            self.threshold, objects, max_megapixels, resume,
        )  # fmt: skip
        self._writer = writer_of(self._work, predictor, self.pictures)
        self.repaired: dict[str, list[str]] = {}
        self.failures: list[dict[str, str]] = []
        self._notes: list[str] = []
        self._paths: list[Path] = []

    @property
    def summary(self) -> dict[str, Any]:
        """What results.json holds."""
        found: dict[str, Any] = read_json(self.out / RESULTS)
        return found

    def __iter__(self) -> Generator[Result, None, None]:
        """Do all of it."""
        with FolderLock(self.out) as lock:
            lock.acquire()
            self._begin()
            with folder_of_workers(self.out) as notes:
                self._run(notes)
            self._finish()
        yield from ()

    def lines(self) -> list[str]:
        """Say what was done, and name each thing made."""
        done = len(self.pictures) - len(self.failures)
        how = f"with {self._predictor.file}, {self.threshold.explained}, on {self._runner}"
        told = [f"{done} of {len(self.pictures)} pictures {how}"] * bool(done)
        if long := [picture.name for picture in self.pictures if renamed(picture.name)]:
            count = counted(len(long), "picture")
            self._notes.append(f"the files of {count} have other names, as {RESULTS} says, such as of {long[0]}")
        return [*told, *map(printable, self._notes), *(made([printable(str(path))]) for path in self._paths)]

    def raise_failures(self) -> None:
        """Put what could not be read into one DataError."""
        raise_failures(self.failures, len(self.pictures))

    def _begin(self) -> None:
        """Make the folder known as ours, without the lists of an earlier run unless it is gone on with."""
        for left in self.out.glob(f"{BESIDE}*"):  # by a process that was killed
            shutil.rmtree(left, ignore_errors=True)
        parts = self.out / PARTS
        if self._work.resume:
            self._refuse_others(parts)
        else:
            self._notes += earlier_note(self.out / RESULTS, {picture.name for picture in self.pictures})
            shutil.rmtree(parts, ignore_errors=True)
        parts.mkdir(parents=True, exist_ok=True)
        if not (self.out / RESULTS).is_file():
            write_json(self.out / RESULTS, {**head_of(self._predictor, self._writer), "pictures": [], "failures": []})

    def _refuse_others(self, parts: Path) -> None:
        """Refuse to go on with what was begun otherwise; lists of other pictures go, whose files may be replaced."""
        for path in sorted(parts.glob("*.jsonl")):
            with path.open(encoding="utf-8") as file:
                before = json.loads(file.readline())
            if different := differences(before["settings"], settings_of(self._predictor, self._writer)):
                raise UsageError(
                    f"{self.out} holds a prediction begun otherwise ({'; '.join(different)}): give the same, leave "
                    "--resume out to begin anew, or choose another --out"
                )
            if before["names"] != self._work.places.digest:
                path.unlink()

    def _run(self, notes: Path) -> None:
        from . import transforms

        work = self._work
        log.info("%s", work.places.told(self._runner))
        run(
            self._runner, self._told, lambda pipeline: transforms.prediction(pipeline, work, notes),
            title="predict", pictures=work.places.count, notes=notes, quiet=self._quiet,
        )  # fmt: skip

    def _finish(self) -> None:
        """Make one list of those of the parts, in the order of the inputs, however long they are."""
        for line in lines_of(self.out, self._work.places):
            if FAILURE in line:
                self.failures.append(line[FAILURE])
            for repair in line.get("repairs", ()):
                self.repaired.setdefault(repair, []).append(line["picture"]["name"])
        head = head_of(self._predictor, self._writer)
        lists = {"pictures": (line["picture"] for line in self._done()), "failures": self.failures}
        results = write_results(self.out / RESULTS, head, lists)
        files = self._writer.finish(lambda: ((line["picture"], line.get("kept")) for line in self._done()))
        folders = [self.out / Path(file).parent for file, _ in self._predictor.task.files.values()]
        done = len(self.failures) < len(self.pictures)
        self._paths = [*folders * done, results, *files, self.out / PARTS]
        if self.failures:
            with written_beside(self.out / ERRORS) as beside:
                beside.write_text("".join(json_text(one) + "\n" for one in self.failures), encoding="utf-8")
            self._paths.append(self.out / ERRORS)
        else:
            (self.out / ERRORS).unlink(missing_ok=True)

    def _done(self) -> Iterator[dict[str, Any]]:
        return (line for line in lines_of(self.out, self._work.places) if FAILURE not in line)
