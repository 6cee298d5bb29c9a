"""What an evaluation finds after each epoch: its figures among the epoch's logs, its pictures in TensorBoard."""

from collections.abc import Callable, Mapping
from pathlib import Path

import keras
import tensorflow as tf

from ...figures import maps as figures
from .averaged import averaged_weights


class EpochReport(keras.callbacks.Callback):
    """Measures the model with the weights that validation sees, and logs `val_` and the names of its figures.

    It must stand before the callbacks that read these logs (`BestModel`, `HistoryCSV`, TensorBoard): Keras hands one
    dict of logs from callback to callback.

    Args:
        evaluate: from the model to a report with `scalars`, a dict.
        log_dir: TensorBoard folder of the pictures.
        draw: from (report, title) to figures by name.

    Attributes:
        report: the latest report; None before the first.
    """

    def __init__(self, evaluate: Callable, log_dir, draw: Callable[..., Mapping]):
        super().__init__()
        self.evaluate, self.draw = evaluate, draw
        self.log_dir = Path(log_dir)
        self.report = None
        self._writer = None

    def on_train_begin(self, logs=None):
        """Open the writer."""
        self._writer = tf.summary.create_file_writer(str(self.log_dir))

    def on_epoch_end(self, epoch, logs=None):
        """Measure, add to the logs, draw."""
        logs = logs if logs is not None else {}
        with averaged_weights(self.model):
            self.report = self.evaluate(self.model)
        logs.update({f"val_{name}": value for name, value in self.report.scalars.items()})
        drawn = self.draw(self.report, f"Epoch {epoch + 1}")
        with self._writer.as_default(step=epoch):
            for name, figure in drawn.items():
                tf.summary.image(name, figures.to_png_array(figure)[None])
        self._writer.flush()

    def on_train_end(self, logs=None):
        """Close the writer."""
        self._writer.close()
