"""Image | mask | prediction of the same held-out pictures, in TensorBoard each epoch."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from ...figures import maps as figures
from .averaged import averaged_weights


class PredictionPanels(keras.callbacks.Callback):
    """Predicts fixed pictures and draws them beside their masks, with the weights that validation sees.

    Args:
        images: uint8 [N, S, S, 3], RGB, as the model takes them.
        masks: integer [N, S, S] with 0, 1 and 255 (ignore), drawn grey.
        log_dir: TensorBoard folder of the run; the pictures go to its subfolder `panels`.
        every: epochs between two pictures.
        names: names of the pictures, or None.
        batch_size: how many are predicted at once.
    """

    def __init__(self, images, masks, log_dir, every=1, names=None, batch_size=8):
        super().__init__()
        self.images, self.masks, self.names = np.asarray(images), np.asarray(masks), names
        self.log_dir = Path(log_dir) / "panels"
        self.every, self.batch_size = every, batch_size
        self._writer = None

    def on_train_begin(self, logs=None):
        """Open the writer."""
        self._writer = tf.summary.create_file_writer(str(self.log_dir))

    def on_epoch_end(self, epoch, logs=None):
        """Write one picture."""
        if (epoch + 1) % self.every == 0:
            figure = figures.panels_figure(
                self.images, self.masks, self.predict(), self.names, title=f"Epoch {epoch + 1}"
            )
            with self._writer.as_default(step=epoch):
                tf.summary.image("predictions", figures.to_png_array(figure)[None])
            self._writer.flush()

    def on_train_end(self, logs=None):
        """Close the writer."""
        self._writer.close()

    def predict(self) -> np.ndarray:
        """Give the model's saliency of the pictures, float32 [N, S, S] in [0, 1]."""
        starts = range(0, len(self.images), self.batch_size)
        with averaged_weights(self.model):
            # Called directly: `predict` would trace a function of its own.
            logits = [self.model(self.images[start : start + self.batch_size], training=False) for start in starts]
        saliency = tf.sigmoid(tf.cast(tf.concat(logits, axis=0), tf.float32)).numpy()
        return saliency.reshape(saliency.shape[:3])
