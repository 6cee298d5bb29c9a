"""Models on disk: finding the one of a run, loading it, and the best epoch of a training."""

import zipfile
import zlib
from pathlib import Path

import keras

from ..errors import UsageError, first_line
from ..models.precision import dtype_policy, in_float32
from ..models.preparation import prepare_for_training
from ..models.registry import import_builders
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


def load_model(run_or_model: str | Path) -> keras.Model:
    """Load the trained model of a run folder, or a .keras file."""
    path = model_file(run_or_model)
    import_builders()
    if fault := fault_of(path):
        raise UsageError(f"{path} is damaged ({fault}): put a copy in its place, or train again")
    try:
        return keras.models.load_model(path, compile=False)
    except (ValueError, OSError, TypeError, KeyError) as error:
        raise UsageError(f"{path} cannot be loaded as a Keras model: {first_line(error)}") from error


def fault_of(path: str | Path) -> str:
    """Say in a few words what is wrong with a `.keras` file, which is a zip archive; empty where its sums are right."""
    try:
        with zipfile.ZipFile(path) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError) as error:
        return str(error) or type(error).__name__
    return f"the sum of {bad} is wrong" if bad else ""


def best_model(folder: Path, model: keras.Model) -> keras.Model:
    """Give a run's best epoch in float32, as every later step wants it; the given weights where none was saved."""
    path = folder / "model.keras"
    if not path.is_file():
        with averaged_weights(model):
            save_model(model, path)
    # Layers within layers take the policy that is set while they are built again.
    with dtype_policy("float32"):
        saved = keras.models.load_model(path, compile=False)
        best = in_float32(saved)
    if best is not saved:
        save_model(best, path)
    return prepare_for_training(best)
