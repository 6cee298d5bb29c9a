"""The verb `quickstart`: trains, measures, exports and draws a small saliency model, on embedded data alone."""

import logging
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np

from ..export import export_run
from ..export.runner import load_runner
from ..trainers import saliency
from ..trainers.config import SaliencyConfig
from ..trainers.data.images import resize_image
from ..trainers.data.sources import open_source
from ..trainers.models.weights import IMAGENET_PACKAGE
from .options import QuickstartOptions
from .overlay import cut_out, foreground, overlay
from .photos import real_photos
from .pictures import write_picture
from .predictor import Predictor
from .reports import made, table

log = logging.getLogger("metricfit")

SCENES_SHOWN = 4
PANEL_SIDE = 224


def run(options: QuickstartOptions) -> int:
    """Do all of it; gives the exit code."""
    folder = Path(options.out)
    log.info("1/4  train on embedded scenes (scenes:train), pick the best epoch on scenes:val")
    result = saliency.train(configuration(options))
    if result.interrupted:
        return 130
    log.info("\n2/4  export SavedModel and TFLite, and compare each file with the model")
    exported = folder / "model"
    _export(result.folder, exported, options.quiet)

    log.info("\n3/4  measure on scenes that training never saw (scenes:test)")
    test = open_source("scenes:test")
    runners = {name: load_runner(path) for name, path in _files(result.folder, exported).items()}
    rows = []
    for name, runner in runners.items():
        report = saliency.evaluate(runner, test, size=runner.size, label=name, quiet=options.quiet)
        rows.append((name, report.scalars))

    log.info("\n4/4  draw")
    runner = runners["model_int8.tflite"]
    pictures = _draw(runner, test, folder / "pictures")
    log.info("\n%s\n", table(rows))
    log.info("%s", made([result.folder, exported, *pictures]))
    log.info(
        "\nlook:      %s\nwatch:     tensorboard --logdir %s\ndemo:      metricfit demo %s --source scenes"
        "\nown data:  metricfit train saliency --data folder:PATH --weights imagenet --out runs/own",
        pictures[0], result.folder / "tensorboard", exported,
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


def _export(run_folder: Path, exported: Path, quiet: bool) -> None:
    card = exported / "card.json"
    if card.is_file() and card.stat().st_mtime > (run_folder / "model.keras").stat().st_mtime:
        log.info("%s is up to date", exported)
        return
    export_run(
        run_folder,
        exported,
        quantize=("none", "int8"),
        data_terms="made-up scenes drawn by this program; free to use",
        overwrite=True,
        quiet=quiet,
    )


def _files(run_folder: Path, exported: Path) -> dict[str, Path]:
    names = ("saved_model", "model_float32.tflite", "model_int8.tflite")
    return {"model.keras": run_folder / "model.keras", **{name: exported / name for name in names}}


def _draw(runner, test, folder: Path) -> list[Path]:
    """One sheet of everything, and the cut-outs one by one; gives the paths, the sheet first."""
    predict = Predictor(runner)
    threshold = runner.card.thresholds["optimal"]
    indices = np.linspace(0, len(test) - 1, SCENES_SHOWN).astype(int)
    examples = [test.load(index) for index in indices]
    pictures = {f"scene_{index:03d}": example.image for index, example in zip(indices, examples)}
    pictures |= {f"photo_{name}": image for name, image in real_photos().items()}
    strips, paths = [], []
    for name, image in pictures.items():
        saliency_map = predict(image)
        grey = cv2.cvtColor((saliency_map * 255).astype(np.uint8), cv2.COLOR_GRAY2RGB)
        strips.append(np.hstack([_panel(view) for view in (image, grey, overlay(image, saliency_map, threshold))]))
        if foreground(saliency_map, threshold).any():
            paths.append(write_picture(folder / f"{name}_cutout.png", cut_out(image, saliency_map, threshold)))
    return [write_picture(folder / "overview.png", _two_columns(strips)), *paths]


def _panel(image: np.ndarray) -> np.ndarray:
    """The middle square of a picture, in the sheet's size."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return resize_image(np.ascontiguousarray(image[top : top + side, left : left + side]), (PANEL_SIDE, PANEL_SIDE))


def _two_columns(strips: list[np.ndarray], gap: int = 12) -> np.ndarray:
    """Lay strips of one size out in two columns on white."""
    strips = [*strips, *[np.full_like(strips[0], 255)] * (len(strips) % 2)]
    padded = [np.pad(strip, ((0, gap), (0, gap), (0, 0)), constant_values=255) for strip in strips]
    half = len(padded) // 2
    return np.hstack([np.vstack(padded[:half]), np.vstack(padded[half:])])[:-gap, :-gap]
