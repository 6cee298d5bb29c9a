"""The verb `quickstart`: trains, measures, exports and draws a small saliency model, on embedded data alone."""

import logging
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from ..export import ExportResult, export_run, load_runner, read_card
from ..trainers.data.images import resize_image
from ..trainers.data.sources import open_source
from ..trainers.metrics.catalogue import metrics_of
from ..trainers.models.backbones.weights import IMAGENET_PACKAGE
from ..trainers.tasks import get_task
from ..trainers.training.config import SaliencyConfig
from .options import QuickstartOptions
from .predictor import Predictor, load_predictor
from .reports import made, table
from .results import SaliencyMap
from .show.photos import real_photos
from .show.pictures import write_picture
from .tasks import TASKS

log = logging.getLogger("metricfit")

SCENES_SHOWN = 4
PANEL_SIDE = 200
GAP = 8


def run(options: QuickstartOptions) -> int:
    """Do all of it; gives the exit code."""
    folder, saliency = Path(options.out), get_task("saliency")
    log.info("1/4  train on embedded scenes (scenes:train), pick the best epoch on scenes:val")
    result = saliency.train(configuration(options))
    if result.interrupted:
        return 130
    log.info("\n2/4  export SavedModel and TFLite, and compare each file with the model")
    exported = _export(result.folder, folder / "model", options.quiet)

    log.info("\n3/4  measure on scenes that training never saw (scenes:test)")
    test = open_source("scenes:test")
    files = {"model.keras": result.folder / "model.keras", **exported.files}
    runners = {name: load_runner(path) for name, path in files.items()}
    rows = []
    for name, runner in runners.items():
        report = saliency.evaluate(runner, test, label=name, quiet=options.quiet)
        rows.append((name, report.scalars))

    log.info("\n4/4  draw")
    runner = runners["model_int8.tflite"]
    pictures = _draw(runner, test, folder / "pictures")
    log.info("\n%s\n", table(rows, metrics_of(*TASKS["saliency"].columns)))
    log.info("%s", made([result.folder, exported.folder, *pictures]))
    log.info(
        "\nlook:      %s\nwatch:     tensorboard --logdir %s\ndemo:      metricfit demo %s --source scenes"
        "\nown data:  metricfit train saliency --data folder:PATH --weights imagenet --out runs/own",
        pictures[0], result.folder / "tensorboard", exported.folder,
    )  # fmt: skip
    return 0


def configuration(options: QuickstartOptions) -> SaliencyConfig:
    """The quickstart's training, as `metricfit train saliency` would be told it."""
    pretrained = find_spec(IMAGENET_PACKAGE) is not None
    return SaliencyConfig(
        data="scenes:train",
        val="scenes:val",
        out=str(Path(options.out) / "run"),
        loss=options.loss,
        backbone="efficientnet_lite0" if pretrained else "mobilenet_v3_small",
        weights="imagenet" if pretrained else "none",
        size=options.size,
        epochs=options.epochs,
        learning_rate=1e-3,
        seed=options.seed,
        overwrite=options.overwrite,
        quiet=options.quiet,
    )


def _export(run_folder: Path, exported: Path, quiet: bool) -> ExportResult:
    card = exported / "card.json"
    if card.is_file() and card.stat().st_mtime > (run_folder / "model.keras").stat().st_mtime:
        log.info("%s is up to date", exported)
        return ExportResult(exported, read_card(card))
    return export_run(
        run_folder,
        exported,
        quantize=("none", "int8"),
        data_terms="made-up scenes drawn by this program; free to use",
        overwrite=True,
        quiet=quiet,
    )


def _draw(runner, test, folder: Path) -> list[Path]:
    """One sheet of everything, and the cut-outs one by one; gives the paths, the sheet first."""
    fresh, shipped = Predictor(runner), load_predictor("")
    indices = np.linspace(0, len(test) - 1, SCENES_SHOWN).astype(int)
    scenes = {f"scene_{index:03d}": test.load(int(index)).image for index in indices}
    photos = {f"photo_{name}": image for name, image in real_photos().items()}

    paths, left, right = [], [], []
    for name, image in tqdm({**scenes, **photos}.items(), desc="drawing", unit="image", disable=None, leave=False):
        found = fresh(image)
        assert isinstance(found, SaliencyMap)
        if name in scenes:
            left.append([image, cv2.cvtColor((found.map * 255).astype(np.uint8), cv2.COLOR_GRAY2RGB), found.draw()])
        else:
            right.append([image, found.draw(), shipped(image).draw()])
        if found.mask.any():
            paths.append(found.save(folder / f"{name}_cutout.png", "cutout"))
    columns = [_column(("scene, not trained on", "saliency", "overlay"), left)]
    if right:
        columns.append(_column(("photo", "this model", "the shipped model"), right))
    return [write_picture(folder / "overview.png", np.hstack(columns)), *paths]


def _column(headings, rows) -> np.ndarray:
    """Rows of square pictures below their headings, on white."""
    heading = np.hstack([_heading(text) for text in headings])
    strips = [np.hstack([_panel(picture) for picture in row]) for row in rows]
    return np.pad(np.vstack([heading, *strips]), ((0, GAP), (GAP, GAP), (0, 0)), constant_values=255)


def _heading(text: str) -> np.ndarray:
    strip = np.full((40, PANEL_SIDE + GAP, 3), 255, np.uint8)
    return cv2.putText(strip, text, (2, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.55, (40, 40, 40), 1, cv2.LINE_AA)


def _panel(image: np.ndarray) -> np.ndarray:
    """The middle square of a picture, in the sheet's size, with a gap to the right and below."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(image[top : top + side, left : left + side])
    return np.pad(resize_image(square, (PANEL_SIDE,) * 2), ((0, GAP), (0, GAP), (0, 0)), constant_values=255)
