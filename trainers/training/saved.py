"""Models on disk: finding the one of a run, loading it, and the best epoch of a training."""

from pathlib import Path

import keras

from ..errors import UsageError
from ..models.keras_file import load_keras_file
from ..models.precision import dtype_policy, in_float32
from ..models.preparation import prepare_for_training
from .callbacks.averaged import averaged_weights
from .callbacks.best import save_model


def model_file(run_or_model: str | Path) -> Path:
    """Find the .keras file of a run folder, or take the file itself."""
    path = Path(run_or_model)
    path = path / "model.keras" if path.is_dir() else path
    if path.suffix != ".keras" or not path.is_file():
        raise UsageError(
            f"no trained model at {run_or_model}: give a run folder that holds model.keras, or a .keras file"
        )
    return path


def load_model(run_or_model: str | Path, *, trust: bool = False) -> keras.Model:
    """Load the trained model of a run folder, or a .keras file; see `load_keras_file`."""
    return load_keras_file(model_file(run_or_model), trust=trust)


def best_model(folder: Path, model: keras.Model) -> keras.Model:
    """Give a run's best epoch in float32, as every later step wants it; the given weights where none was saved."""
    path = folder / "model.keras"
    if not path.is_file():
        with averaged_weights(model):
            save_model(model, path)
    # Layers within layers take the policy that is set while they are built again.
    with dtype_policy("float32"):
        saved = load_keras_file(path)
        best = in_float32(saved)
    if best is not saved:
        save_model(best, path)
    return prepare_for_training(best)
