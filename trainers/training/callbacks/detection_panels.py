"""The same held-out pictures with their true boxes and those found, in TensorBoard each epoch."""

from pathlib import Path

import keras
import tensorflow as tf

from ...figures import maps as figures
from .detection_metrics import DetectionMetrics


class DetectionPanels(keras.callbacks.Callback):
    """Draws the pictures of the latest measuring: nothing is predicted twice.

    Args:
        metrics: what measures; it must stand before this one among the callbacks.
        log_dir: TensorBoard folder of the run; the pictures go to its subfolder `panels`.
    """

    def __init__(self, metrics: DetectionMetrics, log_dir):
        super().__init__()
        self.metrics = metrics
        self.log_dir = Path(log_dir) / "panels"
        self._writer = None

    def on_train_begin(self, logs=None):
        """Open the writer."""
        self._writer = tf.summary.create_file_writer(str(self.log_dir))

    def on_epoch_end(self, epoch, logs=None):
        """Write one picture."""
        report = self.metrics.report
        if report is None or not report.pictures:
            return
        picture = figures.to_png_array(report.panels(title=f"Epoch {epoch + 1}"))
        with self._writer.as_default(step=epoch):
            tf.summary.image("detections", picture[None])
        self._writer.flush()

    def on_train_end(self, logs=None):
        """Close the writer."""
        self._writer.close()
