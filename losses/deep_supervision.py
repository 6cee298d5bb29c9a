"""Deep supervision: one loss on each of several predictions of the same picture."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from .checks import check_count, check_hyperparameters
from .tensors import Tensor


@keras.saving.register_keras_serializable(package="metricfit")
class DeepSupervision(keras.losses.Loss):
    """The mean of one loss over the maps of a picture: side outputs and the one made of them.

    Hou et al., Deeply Supervised Salient Object Detection with Short Connections (DSS), CVPR 2017, section 3, sum where
    this takes the mean: a learning rate then suits any number of maps. The loss keeps its own reduction, dtype and
    sample weights. Gradient: that of the loss, divided among the maps.

    Args:
        loss: a Keras loss of predictions [B, H, W].
        weights: a number, 0 or more, for each map; by default all count alike.

    Raises:
        ValueError: the weights are no such numbers, or all of them are 0.
    """

    def __init__(self, loss: Any, weights: Sequence[float] | None = None, *, name: str = "deep_supervision") -> None:
        super().__init__(name=name, reduction="sum_over_batch_size")
        self.loss = keras.saving.deserialize_keras_object(loss) if isinstance(loss, dict) else loss
        self.weights = None if weights is None else [float(weight) for weight in weights]
        if self.weights is not None:
            check_hyperparameters(weights=self.weights)
            if not any(self.weights):
                raise ValueError("weights must not all be 0: nothing would be trained")

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Compute the weighted mean of the losses of K maps [B, H, W, K], or the loss of a single one [B, H, W]."""
        y_pred = tf.convert_to_tensor(y_pred)
        if y_pred.shape.rank == 3:
            return self.loss(y_true, y_pred, sample_weight)
        if y_pred.shape.rank != 4 or not y_pred.shape[-1]:
            raise ValueError(f"y_pred must have shape [B, H, W] or [B, H, W, K], got {y_pred.shape}")
        weights = self.weights or [1.0] * y_pred.shape[-1]
        check_count("weights", weights, y_pred.shape[-1], "part")
        values = [self.loss(y_true, single, sample_weight) for single in tf.unstack(y_pred, axis=-1)]
        return tf.add_n([weight / sum(weights) * value for weight, value in zip(weights, values)])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {"name": self.name, "loss": keras.saving.serialize_keras_object(self.loss), "weights": self.weights}
