"""A weighted sum of losses, and its fading from some weights to others while a model trains."""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from .checks import check_count, check_hyperparameters
from .tensors import Tensor


@keras.saving.register_keras_serializable(package="metricfit")
class Combined(keras.losses.Loss):
    """A weighted sum of Keras losses, each of which keeps its own manners: reduction, dtype, sample weights.

    Gradient: that of the parts, weighted. The variable `weights`, float32 [parts], may change while a model trains
    (`FadeLoss`); the config holds the `first_weights`.

    Args:
        parts: Keras losses that all take the same targets and predictions.
        weights: a number, 0 or more, for each of them.

    Raises:
        ValueError: there are no parts, or the weights do not fit them.
    """

    def __init__(self, parts: Sequence[Any], weights: Sequence[float], *, name: str = "combined") -> None:
        super().__init__(name=name, reduction="sum_over_batch_size")
        self.parts = [keras.saving.deserialize_keras_object(p) if isinstance(p, dict) else p for p in parts]
        self.first_weights = [float(weight) for weight in weights]
        check_hyperparameters(weights=self.first_weights)
        check_count("weights", self.first_weights, len(self.parts), "part")
        self.weights = keras.Variable(self.first_weights, dtype="float32", trainable=False, name="loss_weights")

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Compute the weighted sum: a scalar, or what the parts give where they are not reduced."""
        weights = tf.unstack(tf.convert_to_tensor(self.weights))
        values = [part(y_true, y_pred, sample_weight) for part in self.parts]
        return tf.add_n([tf.cast(weight, value.dtype) * value for weight, value in zip(weights, values)])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        parts = [keras.saving.serialize_keras_object(part) for part in self.parts]
        return {"name": self.name, "parts": parts, "weights": self.first_weights}


class FadeLoss(keras.callbacks.Callback):
    """Fades the weights of the model's `Combined` loss in a straight line, by the optimizer's number of steps taken.

    That is saved with it: a continued training goes on where it was. Steps that run at once share their weights.

    Args:
        to: the weights at the end, one for each part. ValueError where a number is below 0.
        begin: the step until which the loss keeps its first weights.
        steps: over how many steps they change; 0 changes them at once.
    """

    def __init__(self, to: Sequence[float], *, begin: int = 0, steps: int) -> None:
        super().__init__()
        self.to = [float(weight) for weight in to]
        check_hyperparameters(weights=self.to)
        if begin < 0 or steps < 0:
            raise ValueError(f"begin and steps must be at least 0, got {begin!r} and {steps!r}")
        self.begin, self.steps = begin, steps

    def on_train_begin(self, logs: Any = None) -> None:
        """Make sure that there is something to fade."""
        if not isinstance(self.model.loss, Combined):
            raise ValueError(f"FadeLoss needs a model compiled with a Combined loss, got {self.model.loss!r}")
        check_count("weights", self.to, len(self.model.loss.parts), "part")

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the weights of the next step."""
        # on several replicas the counter is no number by itself
        taken = int(keras.ops.convert_to_numpy(self.model.optimizer.iterations))
        loss, done = self.model.loss, taken - self.begin
        share = min(max(done / self.steps if self.steps else float(done >= 0), 0.0), 1.0)
        loss.weights.assign([a + share * (b - a) for a, b in zip(loss.first_weights, self.to)])
