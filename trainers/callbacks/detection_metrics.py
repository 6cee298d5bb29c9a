"""AP, oLRP and their company of a detector, measured after each epoch and put among its logs."""

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from .. import figures, figures_detection
from .averaged import averaged_weights


class DetectionMetrics(keras.callbacks.Callback):
    """Measures the model with the weights that validation sees, and logs `val_ap`, `val_olrp` and so on.

    It must stand before the callbacks that read these logs (`BestModel`, `HistoryCSV`, TensorBoard): Keras hands one
    dict of logs from callback to callback. Precision over recall, and F1 and LRP over the threshold, are drawn for
    TensorBoard.

    Args:
        evaluate: from the model to a report with `scalars` (a dict), `coco` and `lrp`, such as `DetectionReport`.
        log_dir: TensorBoard folder of the run; the pictures go to its subfolder `curves`.
        label: name of the curves in the legend.

    Attributes:
        report: the latest report; None before the first.
    """

    def __init__(self, evaluate: Callable, log_dir, label: str = "validation"):
        super().__init__()
        self.evaluate, self.label = evaluate, label
        self.log_dir = Path(log_dir) / "curves"
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
        title = f"Epoch {epoch + 1}"
        drawn = {
            "precision_over_recall": figures_detection.precision_recall_figure(self.report.coco, title=title),
            "f1_over_threshold": figures_detection.confidence_figure({self.label: self.report.lrp}, title=title),
        }
        with self._writer.as_default(step=epoch):
            for name, figure in drawn.items():
                tf.summary.image(name, figures.to_png_array(figure)[None])
        self._writer.flush()

    def on_train_end(self, logs=None):
        """Close the writer."""
        self._writer.close()
