"""What is particular to segmentation in evaluate: a trained model as a callable, and what its run says of data."""

import zipfile
from pathlib import Path

from ..trainers.config import SegmentationConfig, read_config
from ..trainers.data.labels import LabelCoding
from ..trainers.data.sources import open_source
from ..trainers.run_folder import read_run

_MARK = "ClassLogits"


def keras_file(path) -> Path | None:
    """Give the .keras file of a segmentation model, in a run folder or by itself; None where it is no such thing.

    Reads a few bytes, and no TensorFlow.
    """
    path = Path(path)
    path = path / "model.keras" if path.is_dir() else path
    if path.suffix != ".keras" or not path.is_file():
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            return path if _MARK in archive.read("config.json").decode("utf-8", "replace") else None
    except (zipfile.BadZipFile, KeyError):
        return None


class SegmentationRunner:
    """Runs a Keras segmentation model.

    Args:
        path: the .keras file.

    Attributes:
        task: `segmentation`.
        path: the file.
        size: side S of the square input, in pixels.
        class_names: names of its classes by index.
        resizing: how a picture becomes square, `stretch` or `pad`.
    """

    task = "segmentation"

    def __init__(self, path: Path):
        from ..trainers import segmentation
        from ..trainers.models import in_float32
        from ..trainers.models.class_logits import logits_layer
        from ..trainers.run import load_model

        self.path = path
        model = in_float32(load_model(path))
        layer = logits_layer(model)
        self.size, self.class_names, self.resizing = model.input_shape[1], layer.class_names, layer.resizing
        self._predict = segmentation.predictor(model)

    def __call__(self, images):
        """Give probabilities float32 [B, S, S, C] for RGB pictures uint8 [B, S, S, 3], S `size` or a multiple of 32."""
        return self._predict(images)


def coding_of(options, runner) -> LabelCoding:
    """Tell what label values mean: what the user says, else what the model's run was told.

    Args:
        options: gives `data`, `classes` and `ignore`; the last two None where the user says nothing.
        runner: gives `path`.

    Raises:
        UsageError: the run's settings cannot be read, or the data cannot be opened.
    """
    classes, ignore = options.classes, options.ignore
    folder = Path(runner.path).parent
    if (folder / "config.json").is_file() and read_run(folder)["task"] == "segmentation":
        config = read_config(folder / "config.json", SegmentationConfig)
        ignore = config.ignore if ignore is None else ignore
        # Names that the data have themselves come first: they may be other data than the run's.
        if classes is None and not open_source(options.data, needs="labels").class_names:
            classes = config.classes
    return LabelCoding(classes, ignore or ())
