"""The worst pictures of a batch: their mean loss, instead of that of all."""

import math
from typing import Any

import keras
import tensorflow as tf

from .base import PixelLoss
from .checks import check_hyperparameters
from .combined import Combined
from .deep_supervision import DeepSupervision
from .replicas import Replicas
from .tensors import Size, Tensor, in_xla

_ROUNDING = 1e-4  # of a picture: what a float32 share of a batch may be too large


@keras.saving.register_keras_serializable(package="metricfit")
class WorstPictures(keras.losses.Loss):
    """The mean of a loss over the worst share of the pictures of a batch: its conditional value at risk over them.

    Of B pictures the ⌈share · B⌉ with the largest loss count, of equal ones those that come first (Rockafellar and
    Uryasev, Optimization of Conditional Value-at-Risk, 2000, count a part of the last one). With the share 1 it is the
    mean of all. A picture's weight, as `sample_weight`, multiplies its loss, and so has a say in which are the worst.
    Gradient: that of the loss, to the worst pictures alone.

    Args:
        loss: a loss that gives each picture a value, or a sum (`Combined`) or the mean over several maps
            (`DeepSupervision`) of such. Its reduction is not looked at.
        share: of the pictures, above 0 and up to 1.
        scope: on several replicas: "global" looks for the worst pictures of all, "replica" each for its own worst ones.

    Raises:
        ValueError: the loss takes the batch as one, or is none of these, or share or scope are not among those.
    """

    def __init__(self, loss: Any, share: float, *, scope: str = "global", name: str = "worst_pictures") -> None:
        super().__init__(name=name, reduction="sum_over_batch_size")
        check_hyperparameters(share=share, scope=scope)
        self.loss = keras.saving.deserialize_keras_object(loss) if isinstance(loss, dict) else loss
        self.share, self.scope = float(share), scope
        self._each = _unreduced(self.loss)

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """Compute the mean over the worst pictures, a scalar; 0 of no picture."""
        return worst_mean(self._each(y_true, y_pred, sample_weight), self.share, self.scope)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        loss = keras.saving.serialize_keras_object(self.loss)
        return {"name": self.name, "loss": loss, "share": self.share, "scope": self.scope}


def worst_mean(values: Tensor, share: float, scope: str = "global") -> Tensor:
    """Average the largest ⌈share · B⌉ of the values of the pictures, [B]; a scalar, see `WorstPictures`."""
    replicas = Replicas(scope)
    own, known = tf.stop_gradient(values), values.shape[0]
    count: Size = tf.shape(values)[0] if known is None else known
    if replicas.joined == 1:
        everyone, there, places = own, tf.fill([count], True), tf.range(count)
        total: Size = count
    else:
        # as many slots for the pictures of each replica as the fullest needs: XLA takes batches of one size alone
        slots = known if known is not None and in_xla() else replicas.largest(tf.convert_to_tensor(count))
        everyone = replicas.gather(tf.pad(own, [[0, slots - count]]))
        there = replicas.gather(tf.cast(tf.range(slots) < count, tf.int32)) > 0
        places = replicas.own(tf.range(tf.size(everyone)))[:count]
        total = tf.reduce_sum(tf.cast(there, tf.int32))
    # by counting who comes before each, as a batch has few pictures
    larger = everyone > own[:, tf.newaxis]
    earlier = (everyone == own[:, tf.newaxis]) & (tf.range(tf.size(everyone)) < places[:, tf.newaxis])
    before = tf.reduce_sum(tf.cast((larger | earlier) & there, tf.int32), axis=1)
    worst = _worst_of(total, share)
    # a product, so that a value that is no number is one of the sum, too
    part = tf.reduce_sum(values * tf.cast(before < worst, values.dtype)) / tf.cast(worst, values.dtype)
    return replicas.share(part)


def _worst_of(pictures: Size, share: float) -> Size:
    """Give how many of so many pictures are the worst, at least one."""
    if not tf.is_tensor(pictures):
        return max(1, math.ceil(share * pictures - _ROUNDING))
    return tf.maximum(1, tf.cast(tf.math.ceil(share * tf.cast(pictures, tf.float32) - _ROUNDING), tf.int32))


def _unreduced(loss: Any) -> Any:
    """Give a copy of a loss that gives [B]; ValueError where there is none."""
    if isinstance(loss, Combined):
        made = Combined([_unreduced(part) for part in loss.parts], loss.first_weights, name=loss.name)
        made.weights = loss.weights  # which may change while a model trains
        return made
    if isinstance(loss, DeepSupervision):
        return DeepSupervision(_unreduced(loss.loss), loss.weights, name=loss.name)
    if not isinstance(loss, PixelLoss):
        raise ValueError(
            f"WorstPictures needs a loss of metricfit that gives each picture a value, got {type(loss).__name__}"
        )
    if not loss.of_each_picture:
        raise ValueError(
            f"WorstPictures needs a value of each picture, {loss.name} takes the batch as one: set per_image"
        )
    return type(loss).from_config({**loss.get_config(), "reduction": "none"})
