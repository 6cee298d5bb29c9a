"""Models on disk: finding the one of a run, loading it, and the best epoch of a training."""

from pathlib import Path

import keras

from ..errors import UsageError, first_line
from ..models.precision import dtype_policy, in_float32
from ..models.preparation import prepare_for_training
from ..models.registry import import_builders
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


def load_model(run_or_model: str | Path) -> keras.Model:
    """Load the trained model of a run folder, or a .keras file."""
    path = model_file(run_or_model)
    import_builders()
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise UsageError(f"{path} cannot be loaded as a Keras model: {first_line(error)}") from error


def best_model(folder: Path, model: keras.Model) -> keras.Model:
    """Give a run's best epoch in float32, as every later step wants it; the given weights where none was saved."""
    path = folder / "model.keras"
    # Layers within layers take the policy that is set while they are built again.
    with dtype_policy("float32"):
        saved = keras.models.load_model(path, compile=False) if path.is_file() else None
        best = in_float32(model if saved is None else saved)
    if best is not saved:
        save_model(best, path)
    return prepare_for_training(best)
