"""`metricfit predict`: picture files -> what the model finds in them, drawn and as JSON."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ..trainers.errors import DataError, UsageError
from ..trainers.files import write_json
from .live.options import PredictOptions
from .predictor import Predictor, load_predictor, resolve_threshold
from .reports import made
from .results import Result
from .show.pictures import Picture, find_pictures, unique_stems
from .show.threshold import Threshold
from .tasks import TASKS

RESULTS = "results.json"
SCHEMA_VERSION = 1


def predict_files(options: PredictOptions) -> int:
    """Run the verb `predict`; gives the exit code."""
    predict(options)
    return 0


def predict(options: PredictOptions) -> dict[str, Any]:
    """Predict every picture, write what was found, and say what was made.

    Returns:
        What `results.json` holds: model, task, threshold, one entry in `pictures` for each, and `failures`.

    Raises:
        UsageError: an input, option or the model does not fit, or `out` holds files that are not from here.
        DataError: a picture cannot be read; all others are done first, and `results.json` names it.
        MetricfitError: the model cannot be loaded or nothing can be written.
    """
    pictures = find_pictures(options.inputs)
    check_inputs(pictures, options.out)
    predictor = load_predictor(options.model, threads=options.threads)
    threshold = resolve_threshold(options.threshold, predictor)
    prediction = Prediction(predictor, pictures, threshold=threshold, out=options.out, quiet=options.quiet)
    for _ in prediction:
        pass
    if not options.quiet:
        if prediction.entries:
            print(f"{len(prediction.entries)} of {len(pictures)} pictures, {threshold.explained}")
        print(made(prediction.paths))
    prediction.raise_failures()
    return prediction.summary


class Prediction:
    """One pass over pictures: iterating predicts them one by one, writes each, and ends with results.json.

    Args:
        predictor: the model.
        pictures: what to predict.
        threshold: where to cut the scores.
        out: the folder to write into; None writes nothing.
        quiet: no progress bar.

    Attributes:
        entries: by picture, what results.json says about it.
        failures: name and error of what could not be read.
        summary: what results.json holds.
        paths: what was made.
    """

    def __init__(
        self,
        predictor: Predictor,
        pictures: list[Picture],
        *,
        threshold: Threshold,
        out: Path | None = None,
        quiet: bool = False,
    ):
        self.predictor, self.pictures, self.threshold, self.quiet = predictor, pictures, threshold, quiet
        self.entries: list[dict[str, Any]] = []
        self.failures: list[dict[str, str]] = []
        self.summary: dict[str, Any] = {}
        self.paths: list[Path] = []
        self._out = out

    def __iter__(self) -> Iterator[Result]:
        """Yield the result of every picture that can be read."""
        writer = None
        if self._out is not None:
            names = tuple(self.predictor.runner.class_names)
            writer = self.predictor.task.writer(self.threshold, names, self._out)
            self.summary |= {**self._about(), **writer.settings(), "pictures": self.entries, "failures": self.failures}
            # Written before the first picture too: an interrupted prediction's folder is then known as ours.
            write_json(self._out / RESULTS, self.summary)
        stems = unique_stems([picture.name for picture in self.pictures])
        bar = tqdm(total=len(self.pictures), desc="predict", unit="picture", disable=self.quiet or None)
        with bar:
            for picture, stem in zip(self.pictures, stems, strict=True):
                try:
                    image = picture.load()
                except DataError as error:
                    self.failures.append({"name": picture.name, "error": str(error)})
                else:
                    result = self.predictor(image, picture.name).at(self.threshold)
                    if writer is not None:
                        self.entries.append(writer.add(result, stem))
                    yield result
                bar.update()
        if writer is not None and self._out is not None:
            path = write_json(self._out / RESULTS, self.summary)
            self.paths = [*(writer.folders if self.entries else []), path, *writer.finish()]

    def _about(self) -> dict[str, Any]:
        card = self.predictor.card
        return {
            "schema_version": SCHEMA_VERSION,
            "task": self.predictor.task.name,
            "model": str(self.predictor.runner.path),
            "card": card.name if card is not None else None,
            "input_size": self.predictor.runner.size,
        }

    def raise_failures(self) -> None:
        """Put what could not be read into one error.

        Raises:
            DataError: there is such a picture.
        """
        errors, total = [failure["error"] for failure in self.failures], len(self.pictures)
        if not errors:
            return
        if total == 1:
            raise DataError(errors[0])
        if len(errors) == total:
            count = f"none of the {total} pictures could be read"
        else:
            count = f"{len(errors)} of {total} pictures could not be read, the others were done"
        raise DataError(f"{count}:\n  " + "\n  ".join(errors))


def check_inputs(pictures: list[Picture], out: Path | None) -> None:
    """Refuse to predict nothing, or to write among files of others: the masks of a data folder would be overwritten.

    Raises:
        UsageError: no pictures, or a folder to be written into has files, and there is no results.json that says they
            are from here.
    """
    if not pictures:
        raise UsageError("expected at least one picture, folder, pattern or source to predict, got none")
    if out is None:
        return
    if out.exists() and not out.is_dir():
        raise UsageError(f"expected a folder as --out, {out} is a file: choose another")
    if (out / RESULTS).is_file():
        return
    for name in sorted({str(Path(pattern).parent) for task in TASKS.values() for pattern, _ in task.files.values()}):
        folder = out / name
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} holds files that are not from an earlier prediction: choose another --out")
