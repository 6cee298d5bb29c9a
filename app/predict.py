"""`metricfit predict`: picture files -> masks, maps, cut-outs, overlays and one results.json."""

from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from ..trainers.errors import DataError, UsageError
from ..trainers.files import write_json
from .options_demo import PredictOptions
from .overlay import cut_out, foreground, overlay
from .pictures import find_pictures, unique_stems, write_picture
from .predictor import Predictor, describe_threshold, load_predictor, resolve_threshold
from .reports import made

RESULTS = "results.json"
SCHEMA_VERSION = 1
FOLDERS = {"mask": "masks", "saliency": "saliency", "cutout": "cutouts", "overlay": "overlays"}
"""What is made of a picture -> the folder it goes into."""


def predict_files(options: PredictOptions) -> int:
    """Run the verb `predict`; see `predict`. Gives the exit code."""
    predict(options)
    return 0


def predict(options: PredictOptions) -> dict:
    """Predict every picture and write what was found.

    Args:
        options: See `PredictOptions`.

    Returns:
        What `results.json` holds: model, threshold, one entry in `pictures` for each, and `failures`.

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
    threshold, origin = resolve_threshold(options.threshold, predictor)
    found, failures = [], []
    card = predictor.card
    results = {
        "schema_version": SCHEMA_VERSION,
        "model": str(predictor.runner.path),
        "card": card.name if card is not None else None,
        "input_size": predictor.runner.size,
        "threshold": threshold,
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
                found.append({"name": picture.name, **_predict_one(image, stem, predictor, threshold, options.out)})
            bar.update()
    write_json(path, results)
    if not options.quiet:
        if found:
            print(f"{len(found)} of {len(pictures)} pictures, {describe_threshold(threshold, origin)}")
        print(made([*(options.out / folder for folder in FOLDERS.values() if found), path]))
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


def describe(mask: np.ndarray) -> dict:
    """Say where the foreground is.

    Args:
        mask: uint8 [H, W], 0 or 255.

    Returns:
        `salient_share` in [0, 1], and `bounding_box` [x0, y0, x1, y1] in pixels (x1 and y1 exclusive), or None when the
        mask is empty.
    """
    x, y, width, height = cv2.boundingRect(mask)
    return {
        "salient_share": round(cv2.countNonZero(mask) / mask.size, 6),
        "bounding_box": [x, y, x + width, y + height] if width else None,
    }


def _predict_one(image: np.ndarray, stem: str, predictor: Predictor, threshold: float, out: Path) -> dict:
    """Predict one picture, write its files, and describe it; paths are relative to `out`."""
    saliency = predictor(image)
    mask = foreground(saliency, threshold)
    files = {
        "mask": (f"{stem}.png", mask),
        "saliency": (f"{stem}.png", np.rint(saliency * 255.0).clip(0, 255).astype(np.uint8)),
        "cutout": (f"{stem}.png", cut_out(image, saliency, threshold)),
        "overlay": (f"{stem}.jpg", overlay(image, saliency, threshold)),
    }
    paths = {kind: write_picture(out / FOLDERS[kind] / name, picture) for kind, (name, picture) in files.items()}
    return {
        "width": image.shape[1],
        "height": image.shape[0],
        **describe(mask),
        "files": {kind: path.relative_to(out).as_posix() for kind, path in paths.items()},
    }


def _check_out(out: Path) -> None:
    """Refuse to write among files of others: the masks of a data folder would be overwritten.

    Raises:
        UsageError: If a folder to be written into has files, and there is no results.json that says they are from here.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"expected a folder as --out, {out} is a file: choose another")
    if (out / RESULTS).is_file():
        return
    for name in FOLDERS.values():
        folder = out / name
        if folder.is_dir() and any(folder.iterdir()):
            raise UsageError(f"{folder} holds files that are not from an earlier prediction: choose another --out")
