"""`metricfit predict`: picture files -> what the model finds in them, drawn and as JSON."""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..trainers.errors import DataError, UsageError
from ..trainers.files import write_json
from .live.options import PredictOptions
from .predictor import Predictor, load_predictor, resolve_threshold
from .reports import made
from .results import Result
from .show.pictures import Input, find_pictures, unique_stems
from .tasks import TASKS

log = logging.getLogger("metricfit")

RESULTS = "results.json"
SCHEMA_VERSION = 1


def predict_files(options: PredictOptions) -> int:
    """Run the verb `predict`; gives the exit code."""
    predict(options)
    return 0


def predict(options: PredictOptions) -> dict[str, Any]:
    """Predict every picture, write what was found, and say what was made; gives what results.json holds."""
    prediction = Prediction(
        options.model, options.inputs, options.out,
        threshold=options.threshold, threads=options.threads, quiet=options.quiet,
    )  # fmt: skip
    for _ in prediction:
        pass
    for repair, names in prediction.repaired.items():
        shown = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
        log.warning("repaired: %s (%d of %d pictures: %s)", repair, len(names), len(prediction.pictures), shown)
    if not options.quiet:
        if done := len(prediction.entries):
            print(f"{done} of {len(prediction.pictures)} pictures, {prediction.threshold.explained}")
        print(made(prediction.paths))
    prediction.raise_failures()
    return prediction.summary


class Prediction:
    """One pass over pictures, arguments as in `metricfit.predict`: iterating writes each, and last results.json."""

    def __init__(
        self,
        model: str | Path | Predictor,
        inputs: Iterable[Input],
        out: Path | None,
        *,
        threshold: float | None,
        threads: int | None,
        quiet: bool,
    ):
        self.pictures, self.out, self.quiet = find_pictures(inputs), out, quiet
        _check(len(self.pictures), out)
        predictor = model if isinstance(model, Predictor) else load_predictor(model, threads=threads)
        self.predictor = predictor
        self.threshold = predictor.threshold if threshold is None else resolve_threshold(threshold, predictor)
        self.entries: list[dict[str, Any]] = []  # by picture, what results.json says about it
        self.failures: list[dict[str, str]] = []  # name and error of what could not be read
        self.repaired: dict[str, list[str]] = {}  # what was mended on reading -> the names of the pictures
        self.summary: dict[str, Any] = {}  # what results.json holds
        self.paths: list[Path] = []  # what was made

    def __iter__(self) -> Iterator[Result]:
        """Yield the result of every picture that can be read."""
        writer, task, runner = None, self.predictor.task, self.predictor.runner
        if self.out is not None:
            writer = task.writer(task.files, self.threshold, self.predictor.class_names, self.out)
            first = self.pictures[0].ids
            # Those of several sources may clash.
            writer.ids = first if all(picture.ids is first for picture in self.pictures) else None
            self.summary |= {
                "schema_version": SCHEMA_VERSION,
                "task": task.name,
                "model": str(runner.path),
                "card": runner.card and runner.card.name,
                "input_size": runner.size,
                **writer.settings(),
                "pictures": self.entries,
                "failures": self.failures,
            }
            # Written before the first picture too: an interrupted prediction's folder is then known as ours.
            write_json(self.out / RESULTS, self.summary)
        stems = unique_stems([picture.name for picture in self.pictures])
        with tqdm(total=len(stems), desc="predict", unit="picture", disable=self.quiet or None) as bar:
            for picture, stem in zip(self.pictures, stems, strict=True):
                try:
                    image = picture.load()
                except DataError as error:
                    self.failures.append({"name": picture.name, "error": str(error)})
                else:
                    for repair in picture.repairs:
                        self.repaired.setdefault(repair, []).append(picture.name)
                    result = self.predictor(image, picture.name).at(self.threshold)
                    if writer is not None:
                        self.entries.append(writer.add(result, stem))
                    yield result
                bar.update()
        if writer is not None and self.out is not None:
            folders = [self.out / Path(file).parent for file, _ in task.files.values() if self.entries]
            self.paths = [*folders, write_json(self.out / RESULTS, self.summary), *writer.finish()]

    def raise_failures(self) -> None:
        """Put what could not be read into one DataError."""
        errors, total = [failure["error"] for failure in self.failures], len(self.pictures)
        if errors and total == 1:
            raise DataError(errors[0])
        count = f"{len(errors)} of {total} pictures could not be read, the others were done"
        if len(errors) == total:
            count = f"none of the {total} pictures could be read"
        if errors:
            raise DataError(f"{count}:\n  " + "\n  ".join(errors))


def _check(pictures: int, out: Path | None) -> None:
    """Refuse to predict nothing, or to write among files of others: the masks of a data folder would be overwritten."""
    if not pictures:
        raise UsageError("expected at least one picture, folder, pattern or source to predict, got none")
    if out is None:
        return
    if out.exists() and not out.is_dir():
        raise UsageError(f"expected a folder as --out, {out} is a file: choose another")
    # Files that lie beside results.json are from here.
    if (out / RESULTS).is_file():
        return
    for folder in sorted({out / Path(file).parent for task in TASKS.values() for file, _ in task.files.values()}):
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} holds files that are not from an earlier prediction: choose another --out")
