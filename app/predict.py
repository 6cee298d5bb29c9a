"""`metricfit predict`: picture files -> what the model finds in them, drawn and as JSON."""

from pathlib import Path

from tqdm import tqdm

from ..trainers.errors import DataError, UsageError
from ..trainers.files import write_json
from .live.options import PredictOptions
from .predictor import load_predictor, resolve_threshold
from .reports import made
from .show.pictures import find_pictures, unique_stems
from .tasks.base import all_tasks

RESULTS = "results.json"
SCHEMA_VERSION = 1


def predict_files(options: PredictOptions) -> int:
    """Run the verb `predict`; see `predict`. Gives the exit code."""
    predict(options)
    return 0


def predict(options: PredictOptions) -> dict:
    """Predict every picture and write what was found.

    Args:
        options: See `PredictOptions`.

    Returns:
        What `results.json` holds: model, task, threshold, one entry in `pictures` for each, and `failures`.

    Raises:
        UsageError: If an input, option or the model does not fit, or `out` holds files that are not from here.
        DataError: If a picture cannot be read; all others are done first, and `results.json` names it.
        MetricfitError: If the model cannot be loaded or nothing can be written.
    """
    pictures = find_pictures(options.inputs)
    if not pictures:
        raise UsageError("expected at least one picture, folder, pattern or source to predict, got none")
    _check_out(options.out)
    predictor = load_predictor(options.model, threads=options.threads)
    threshold = resolve_threshold(options.threshold, predictor)
    writer = predictor.task.writer(predictor, threshold, options.out)
    found, failures = [], []
    card = predictor.card
    results = {
        "schema_version": SCHEMA_VERSION,
        "task": predictor.task.name,
        "model": str(predictor.runner.path),
        "card": card.name if card is not None else None,
        "input_size": predictor.runner.size,
        **writer.settings(),
        "pictures": found,
        "failures": failures,
    }
    # Written before the first picture too: an interrupted prediction's folder is then known as ours, see `_check_out`.
    path = write_json(options.out / RESULTS, results)
    stems = unique_stems(pictures)
    with tqdm(total=len(pictures), desc="predict", unit="picture", disable=options.quiet or None) as bar:
        for picture, stem in zip(pictures, stems, strict=True):
            try:
                image = picture.load()
            except DataError as error:
                failures.append({"name": picture.name, "error": str(error)})
            else:
                size = {"width": image.shape[1], "height": image.shape[0]}
                result = writer.add(picture.name, image, predictor(image), stem)
                found.append({"name": picture.name, **size, **result})
            bar.update()
    write_json(path, results)
    paths = [path, *writer.finish()]
    if not options.quiet:
        if found:
            print(f"{len(found)} of {len(pictures)} pictures, {threshold.explained}")
        print(made([*(options.out / folder for folder in predictor.task.folders.values() if found), *paths]))
    if failures:
        raise DataError(_all_failures([failure["error"] for failure in failures], len(pictures)))
    return results


def _all_failures(errors: list[str], total: int) -> str:
    """Put what could not be read into one message."""
    if total == 1:
        return errors[0]
    if len(errors) == total:
        count = f"none of the {total} pictures could be read"
    else:
        count = f"{len(errors)} of {total} pictures could not be read, the others were done"
    return f"{count}:\n  " + "\n  ".join(errors)


def _check_out(out: Path) -> None:
    """Refuse to write among files of others: the masks of a data folder would be overwritten.

    Raises:
        UsageError: If a folder to be written into has files, and there is no results.json that says they are from here.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"expected a folder as --out, {out} is a file: choose another")
    if (out / RESULTS).is_file():
        return
    for name in sorted({name for task in all_tasks() for name in task.folders.values()}):
        folder = out / name
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} holds files that are not from an earlier prediction: choose another --out")
