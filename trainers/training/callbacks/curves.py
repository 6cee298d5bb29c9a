"""F-measure, precision and recall over the threshold, as a picture in TensorBoard each epoch."""

from pathlib import Path

import keras
import tensorflow as tf

from ...errors import MetricfitError
from ...figures import maps as figures
from ...metrics import FMeasure


class ThresholdCurves(keras.callbacks.Callback):
    """Draws the curves of the latest validation (of the training, where nothing validates).

    Args:
        log_dir: TensorBoard folder of the run; the pictures go to its subfolder `curves`, as TensorBoard wants one
            writer a folder.
        metric: the `FMeasure` to draw; None takes the one that the model was compiled with.
        every: epochs between two pictures.
        label: name of the curves in the legend.
    """

    def __init__(self, log_dir, metric=None, every=1, label="validation"):
        super().__init__()
        self.log_dir = Path(log_dir) / "curves"
        self.metric, self.every, self.label = metric, every, label
        self._writer = None

    def on_train_begin(self, logs=None):
        """Open the writer."""
        self._writer = tf.summary.create_file_writer(str(self.log_dir))

    def on_epoch_end(self, epoch, logs=None):
        """Write one picture.

        Raises:
            MetricfitError: the model has no `FMeasure` among its metrics.
        """
        # Not before: Keras makes the metrics of compile() known with the first step.
        self.metric = self.metric or find_metric(self.model)
        if (epoch + 1) % self.every == 0:
            figure = figures.threshold_figure({self.label: self.metric.to_result()}, title=f"Epoch {epoch + 1}")
            with self._writer.as_default(step=epoch):
                tf.summary.image("f_measure_over_threshold", figures.to_png_array(figure)[None])
            self._writer.flush()

    def on_train_end(self, logs=None):
        """Close the writer."""
        self._writer.close()


def find_metric(model: keras.Model) -> FMeasure:
    """Give the first `FMeasure` among the metrics of a compiled model."""
    waiting = list(model.metrics)
    while waiting:
        metric = waiting.pop(0)
        if isinstance(metric, FMeasure):
            return metric
        # Keras keeps the metrics of compile() inside of one container metric.
        waiting.extend(getattr(metric, "metrics", []))
    raise MetricfitError("threshold curves need the metric FMeasure, the model has none: compile it with FMeasure()")
