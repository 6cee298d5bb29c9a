"""The verb `quickstart`: trains, measures, exports and draws a small saliency model, on embedded data alone."""

import logging
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ..export import ExportResult, export_run, load_runner, read_card
from ..export.runners.base import Runner
from ..trainers.data.example import Source
from ..trainers.data.sources import open_source
from ..trainers.figures.panels import Look, Picture, panel_grid, shows
from ..trainers.figures.rendering import to_png_array
from ..trainers.locking import FolderLock
from ..trainers.metrics.catalogue import metrics_of
from ..trainers.models.backbones.weights import IMAGENET_PACKAGES
from ..trainers.progress import progress
from ..trainers.tasks import get_task
from ..trainers.training.config import SaliencyConfig
from .options import QuickstartOptions
from .predictor import Predictor, load_predictor
from .reports import made, say, table
from .results import SaliencyMap
from .show.photos import real_photos
from .show.pictures import write_picture
from .tasks import TASKS

log = logging.getLogger("metricfit")


def run(options: QuickstartOptions) -> int:
    """Do all of it; gives the exit code."""
    with FolderLock(options.out) as lock:
        lock.acquire()
        return _run(options)


def _run(options: QuickstartOptions) -> int:
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
    rows = [
        (name, saliency.evaluate(runner, test, label=name, quiet=options.quiet).scalars)
        for name, runner in runners.items()
    ]

    log.info("\n4/4  draw")
    pictures = _draw(runners["model_int8.tflite"], test, folder / "pictures")
    say("\n%s\n", table(rows, metrics_of(*TASKS["saliency"].columns)))
    say("%s", made([result.folder, exported.folder, *pictures]))
    say(
        "\nlook:      %s\nwatch:     tensorboard --logdir %s\ndemo:      metricfit demo %s --source scenes"
        "\nown data:  metricfit train saliency --data PATH --out runs/own",
        pictures[0], result.folder / "tensorboard", exported.folder,
    )  # fmt: skip
    return 0


def configuration(options: QuickstartOptions) -> SaliencyConfig:
    """The quickstart's training, as `metricfit train saliency` would be told it."""
    flags = {name: getattr(options, name) for name in ("loss", "size", "epochs", "seed", "overwrite", "quiet")}
    pretrained, out = find_spec(IMAGENET_PACKAGES["efficientnet_lite0"]) is not None, str(Path(options.out) / "run")
    backbone, weights = ("efficientnet_lite0", "imagenet") if pretrained else ("mobilenet_v3_small", "none")
    return SaliencyConfig(
        data="scenes:train",
        val="scenes:val",
        out=out,
        backbone=backbone,
        weights=weights,
        learning_rate=1e-3,
        batch_size=16,
        **flags,
    )


def _export(run_folder: Path, exported: Path, quiet: bool) -> ExportResult:
    card = exported / "card.json"
    if card.is_file() and card.stat().st_mtime > (run_folder / "model.keras").stat().st_mtime:
        log.info("%s is up to date", exported)
        return ExportResult(exported, read_card(card))
    terms = "made-up scenes drawn by this program; free to use"
    return export_run(run_folder, exported, quantize=("none", "int8"), data_terms=terms, overwrite=True, quiet=quiet)


def _draw(runner: Runner, test: Source, folder: Path) -> list[Path]:
    """One sheet of everything, and the cut-outs one by one; gives the paths, the sheet first."""
    fresh, shipped = Predictor(runner), load_predictor("")
    indices = np.linspace(0, len(test) - 1, 4).astype(int)
    scenes = {f"scene_{index:03d}": test.load(int(index)).image for index in indices}
    photos = {f"photo_{name}": image for name, image in real_photos().items()}

    paths, above, below = [], [], []
    for name, image in progress({**scenes, **photos}.items(), desc="drawing", unit="image", leave=False):
        found = fresh(image)
        assert isinstance(found, SaliencyMap)
        if name in scenes:
            above.append(Picture(image, found.map, found.draw(), name))
        else:
            below.append(Picture(image, found.draw(), shipped(image).draw(), name))
        if found.mask.any():
            paths.append(found.save(folder / f"{name}_cutout.png", "cutout"))
    sheets = [_sheet(("scene, not trained on", "saliency", "overlay"), above)]
    if below:
        sheets.append(_sheet(("photo", "this model", "the shipped model"), below))
    return [write_picture(folder / "overview.png", np.vstack(sheets)), *paths]


def _sheet(headings: tuple[str, ...], pictures: list[Picture]) -> np.ndarray:
    """Draw rows of pictures below their headings."""
    cells = [list(map(shows, picture[:3])) for picture in pictures]
    return to_png_array(panel_grid(Look(headings, side=2.1, most=len(pictures)), pictures, cells), dpi=150)
