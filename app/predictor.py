"""From a picture of any size to its saliency map: the predictor that predictions and the demo share."""

from pathlib import Path

import numpy as np

from .. import saved_models
from ..trainers.data.images import resize_image, resize_map
from ..trainers.errors import UsageError


class Predictor:
    """A saliency model that takes pictures of any size.

    The picture is resized exactly as training did, and the result is brought back to the picture's own size.

    Args:
        runner: What `export.runner.load_runner` returns: `.size` (input pixels), `.path`, `.card` (or None),
            `.threshold` and `.threshold_origin`, and a call from uint8 [B, S, S, 3] to float32 [B, S, S].

    Raises:
        UsageError: If the model is not a saliency model.
    """

    def __init__(self, runner):
        self.runner = runner
        self.card = runner.card
        if self.card is not None and self.card.task != "saliency":
            raise UsageError(
                f"expected a saliency model, {runner.path} is a {self.card.task} model: give one trained with "
                "'metricfit train saliency'"
            )
        # The first call compiles and allocates; done here, it shows the model's kind and stays out of the timing.
        saliency = self._run(np.zeros((1, runner.size, runner.size, 3), np.uint8))
        if not (np.isfinite(saliency).all() and saliency.min() >= -1e-3 and saliency.max() <= 1 + 1e-3):
            raise UsageError(
                f"expected a saliency model with results from 0 to 1, {runner.path} gives {saliency.min():.3g} to "
                f"{saliency.max():.3g}: export it with 'metricfit export', or give another model"
            )

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """Find what is salient in one picture.

        Args:
            image: uint8 [H, W, 3], RGB, any size.

        Returns:
            float32 [H, W], saliency in [0, 1].

        Raises:
            ValueError: If `image` is not uint8 [H, W, 3].
        """
        if image.ndim != 3 or image.shape[-1] != 3 or image.dtype != np.uint8:
            raise ValueError(f"image must be uint8 of shape [H, W, 3], got {image.dtype} {image.shape}")
        size = self.runner.size
        saliency = self._run(resize_image(image, (size, size))[None])[0]
        return resize_map(saliency, image.shape[:2])

    def _run(self, images: np.ndarray) -> np.ndarray:
        """Run the model on uint8 [1, S, S, 3] and insist on a map of the same size."""
        saliency = np.asarray(self.runner(images))
        expected = images.shape[:3]
        if saliency.shape != expected:
            raise UsageError(
                f"expected a saliency model, whose result has shape {expected}; {self.runner.path} gives "
                f"{saliency.shape}: give one trained with 'metricfit train saliency'"
            )
        return saliency.astype(np.float32, copy=False)


def load_predictor(path: str | Path, *, threads: int | None = None) -> Predictor:
    """Load a model from a run folder, an export folder, a .keras or .tflite file, or a SavedModel.

    Args:
        path: Where the model is; empty for the one that ships with the program.
        threads: CPU threads to use, or None for the runtime's choice.

    Raises:
        UsageError: If it is not a saliency model, or none ships with the program.
        MetricfitError: If it cannot be loaded.
    """
    from ..export.runner import load_runner

    return Predictor(load_runner(find_model(path), threads=threads))


def find_model(path: str | Path) -> Path:
    """Name the model to load, without loading it.

    Args:
        path: Where the model is; empty for the one that ships with the program.

    Raises:
        UsageError: If nothing is there, or none ships with the program.
    """
    from ..export.runner import FORMS

    if not str(path):
        return shipped_model()
    if not Path(path).exists():
        raise UsageError(f"no model at {path}: expected {FORMS}")
    return Path(path)


def shipped_model() -> Path:
    """Name the saliency model that ships with the program, the first by name where there are several.

    Raises:
        UsageError: If there is none.
    """
    from ..export.card import read_card

    for folder in saved_models.__path__:
        for card in sorted(Path(folder).glob("*/card.json")):
            if read_card(card.parent).task == "saliency":
                return card.parent
    raise UsageError(
        "expected a MODEL, none was given and none ships with this installation: give a run or export folder, such as "
        "the one that 'metricfit quickstart' makes"
    )


def resolve_threshold(threshold: float | None, predictor: Predictor) -> tuple[float, str]:
    """Choose the threshold: the user's, else the best one that the model's card or run names, else the default.

    Args:
        threshold: What the user asked for, or None.
        predictor: Gives the model's own.

    Returns:
        The threshold in [0, 1], and where it comes from: `given`, `model`, or `default` where nothing names the model's
        best one.

    Raises:
        UsageError: If it lies outside [0, 1].
    """
    if threshold is None:
        runner = predictor.runner
        return float(runner.threshold), "default" if runner.threshold_origin == "default" else "model"
    if not 0.0 <= threshold <= 1.0:
        raise UsageError(f"expected a --threshold from 0 to 1, got {threshold}")
    return float(threshold), "given"


def describe_threshold(threshold: float, origin: str) -> str:
    """Say a threshold, and that it is only the default where that is so.

    Args:
        threshold: In [0, 1].
        origin: As `resolve_threshold` gives it.
    """
    default = " (the default: no card or run beside this model names its best; --threshold sets another)"
    return f"threshold {threshold:.2f}{default if origin == 'default' else ''}"
