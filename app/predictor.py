"""From a picture of any size to what a model finds in it: the predictor that predictions and the demo share."""

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..export.runners.base import Runner
from ..saved_models import shipped_models
from ..trainers.data.fit import fit_image
from ..trainers.data.images import Seen, over_white, read_image, read_seen
from ..trainers.data.large.reduction import reduction
from ..trainers.errors import UsageError
from ..trainers.geometry import height_width, size_text
from ..trainers.judge.tiles import Tiling
from ..trainers.models.detector.suppression import Suppression
from ..trainers.replacing import is_there
from .results import Result
from .show.threshold import Threshold
from .tasks import TASKS

log = logging.getLogger("metricfit")

__all__ = ["Predictor", "find_model", "is_model", "load_predictor", "resolve_threshold", "shipped_models"]


class Predictor:
    """A model that takes pictures of any size, from any number of threads.

    A picture is resized exactly as training did, and the result is brought back to the picture's own size. Handed to
    another process, it is loaded there anew from its file.

    Args:
        runner: as `export.load_runner` gives it.
        threshold: where to cut the scores, in [0, 1]; None takes the model's best one.
        tiling: how a picture is looked at in parts besides, by a detector alone; None looks at it as a whole.

    Attributes:
        runner: the model: `size`, `class_names`, `palette`, `resizing`, `path` and more.
        card: the model's card, or None.
        task: what it does; `task.name` is saliency, segmentation or detection.
        threshold: where the scores of its results are cut; `Result.at` cuts them elsewhere.

    Raises:
        UsageError: the model does not give what its task gives, the threshold is out of range, or there are tiles and
            it is no detector.
    """

    def __init__(self, runner: Runner, threshold: float | None = None, *, tiling: Tiling | None = None):
        self.runner = runner
        self.card = runner.card
        self.task, self.tiling = TASKS[runner.task], tiling
        if tiling and not self.task.tiled:
            raise UsageError(f"--tiles is for detection models, {runner.path} is a {runner.task} model: leave it out")
        # The first call compiles and allocates; done here, it shows the model's kind and stays out of the timing.
        self.task.check(self.find(np.zeros((1, *height_width(runner.size), 3), np.uint8))[0], runner)
        self.threshold = resolve_threshold(threshold, self)

    @property
    def file(self) -> str:
        """The name of what was loaded: of an exported folder, which of its files."""
        return self.runner.path.absolute().name

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the model's classes; empty where nothing says them."""
        return tuple(self.runner.class_names)

    def __call__(
        self, image: str | Path | np.ndarray, path: str = "", *, seen: Callable[[], Seen] | None = None
    ) -> Result:
        """Find what is in one picture.

        Args:
            image: a file, or uint8 [H, W, 3], RGB, any size; or [H, W, 4] with transparency, which the model sees
                over white and a cut-out keeps. The result holds it.
            path: what the result calls the picture; by default the file's path.
            seen: gives a large picture as networks see it, by default as its file does, or as its pixels do.

        Returns:
            `SaliencyMap`, `ClassMap` or `Detections`, by the model's task.

        Raises:
            ValueError: `image` is not uint8 [H, W, 3] or [H, W, 4].
            DataError: the file cannot be read.
        """
        if isinstance(image, str | Path):
            seen, path = seen or partial(read_seen, image), path or str(image)
            image = read_image(image, transparency=True)
        if image.ndim != 3 or image.shape[-1] not in (3, 4) or image.dtype != np.uint8 or not image.size:
            raise ValueError(f"image must be uint8 of shape [H, W, 3] or [H, W, 4], got {image.dtype} {image.shape}")
        rgba = image if image.shape[-1] == 4 else None
        image = image if rgba is None else over_white(rgba)
        if self.tiling:
            shown = self._shown(image, seen)
            return self.task.in_tiles(
                self.runner, self.tiling, shown, self.threshold, image=image, path=path, rgba=rgba
            )
        (found,) = self.find(self.fit(image, seen)[None])
        return self.restore(found, image, path=path, rgba=rgba)

    def fit(self, image: np.ndarray, seen: Callable[[], Seen] | None = None) -> np.ndarray:
        """Bring a picture to the model's input as training did: uint8 [H, W, 3] to uint8 [S, S, 3].

        `seen` gives a large picture as networks see it.
        """
        size = (image.shape[0], image.shape[1])
        return fit_image(self._shown(image, seen), self.runner.size, self.runner.resizing, size)

    def _shown(self, image: np.ndarray, seen: Callable[[], Seen] | None) -> np.ndarray:
        """Give a picture as networks see it: a large one is smaller."""
        return seen().image if seen is not None and reduction((image.shape[0], image.shape[1])) > 1 else image

    def find(self, images: np.ndarray) -> list[Any]:
        """Run the model on fitted pictures, uint8 [B, S, S, 3]; gives what `restore` takes of each."""
        found = self.runner(images)
        return list(zip(*found)) if isinstance(found, tuple) else list(np.asarray(found))

    def restore(self, found: Any, image: np.ndarray, *, path: str = "", rgba: np.ndarray | None = None) -> Result:
        """Bring what was found in a picture into its own pixels; arguments as the result has them."""
        return self.task.restore(found, self.runner, self.threshold, image=image, path=path, rgba=rgba)

    def __reduce__(self) -> tuple[Any, ...]:
        runner = self.runner
        told = (runner.path.resolve(), runner.threads, self.threshold, runner.trusted, self.suppression, self.tiling)
        return _loaded_again, told

    @property
    def suppression(self) -> Suppression | None:
        """How a Keras detector was told to thin out its boxes; None of files that do so themselves, and of others."""
        return self.runner.suppression if self.runner.kind == "keras" else None

    def __repr__(self) -> str:
        return f"<Predictor of {self.runner.path}: {self.task.name}, {size_text(self.runner.size)} px>"


def load_predictor(
    path: str | Path = "",
    *,
    threshold: float | None = None,
    threads: int | None = None,
    trust: bool = False,
    suppression: Suppression | None = None,
    tiling: Tiling | None = None,
) -> Predictor:
    """Load a model; see `metricfit.load`."""
    from ..export import load_runner

    runner = load_runner(find_model(path), threads=threads, trust=trust, suppression=suppression)
    return Predictor(runner, threshold, tiling=tiling)


def _loaded_again(
    path: Path,
    threads: int | None,
    threshold: Threshold,
    trust: bool,
    suppression: Suppression | None,
    tiling: Tiling | None,
) -> Predictor:
    predictor = load_predictor(path, threads=threads, trust=trust, suppression=suppression, tiling=tiling)
    predictor.threshold = threshold
    return predictor


def find_model(path: str | Path) -> Path:
    """Name the model to load, without loading it; the first shipped one of what is salient where the path is empty."""
    from ..export.card import read_card
    from ..export.runners.load import FORMS

    if str(path) and is_there(path):
        return Path(path)
    shipped = shipped_models()
    if str(path):
        if str(path) in shipped:
            return shipped[str(path)]
        names = f", or one that ships with the program: {', '.join(shipped)}" if shipped else ""
        raise UsageError(f"no model at {path}: expected {FORMS}{names}")
    if salient := [folder for folder in shipped.values() if read_card(folder).task == "saliency"]:
        return salient[0]
    raise UsageError(
        "expected a MODEL, none was given and none ships with this installation: give a run or export folder, such as "
        "the one that 'metricfit quickstart' makes"
    )


def is_model(path: str | Path) -> bool:
    """Tell, without loading it, whether a model is called so."""
    path = Path(path)
    if not is_there(path):
        return str(path) in shipped_models()
    inside = ("model.keras", "card.json", "saved_model.pb")
    return path.suffix in (".keras", ".tflite") or any((path / name).is_file() for name in inside)


def resolve_threshold(threshold: float | None, predictor: Predictor) -> Threshold:
    """Choose the threshold: the user's, which serves all classes, else the best one that card or run names."""
    runner, digits = predictor.runner, predictor.task.digits
    if threshold is None:
        origin = "default" if runner.threshold_origin == "default" else "model"
        per_class, promise = tuple(map(float, runner.thresholds)), runner.promise
        if promise and predictor.tiling:
            log.warning(
                '"%s", which the card promises, is of pictures seen once, as a whole: with --tiles nothing is promised',
                promise,
            )
            promise = ""
        return Threshold(float(runner.threshold), origin, per_class, digits, promise)
    if not 0.0 <= threshold <= 1.0:
        raise UsageError(f"expected a --threshold from 0 to 1, got {threshold}")
    return Threshold(float(threshold), "given", (), digits)
