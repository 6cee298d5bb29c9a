"""A trained model whose finds are mixed into the labels of the pictures that another one is trained on."""

import logging
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from ..data.example import IGNORE, Source
from ..errors import UsageError
from ..geometry import height_width
from ..models.input_size import size_of
from ..models.layers.logits import logits_layer
from ..models.precision import dtype_policy, in_float32
from ..training.config import RunConfig
from .first_model import first_model

log = logging.getLogger("metricfit")


class Teacher:
    """Teaches maps: a label becomes (1 - share) of itself and `share` of the probability that a trained model gives it.

    Hinton et al., Distilling the Knowledge in a Neural Network, 2015, without their temperature. The teacher is shown
    the pictures as the network is, varied ones too. Pixels that are left out stay so.
    """

    def __init__(self, model: keras.Model, share: float, class_names: Sequence[str] = ()) -> None:
        """Take a saliency model, or one with at least the `class_names` of the labels; ValueError where some are not.

        `share` lies above 0 and up to 1, where the labels themselves no longer count.
        """
        self.model, self.share, self._size = model, share, height_width(size_of(model))
        self._order: list[int] | None = None
        if class_names:
            layer = logits_layer(model)
            known = layer.class_names if layer else ()
            if unknown := [name for name in class_names if name not in known]:
                raise ValueError(f"does not know {', '.join(unknown)}")
            self._order = [known.index(name) for name in class_names]

    def teach(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
        """Give the same batches with other labels: float32 [B, h, w], or [B, h, w, C] that add up to 1.

        Batches are uint8 [B, h, w, 3] with int32 [B, h, w]. A pixel to leave out is `IGNORE`, in each class.
        """
        return dataset.map(lambda images, labels: (images, self.taught(images, labels))).prefetch(1)

    def taught(self, images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        """Give the labels of a batch, as `teach`."""
        logits = self._logits(images)
        counted = labels != IGNORE
        if self._order is None:
            found, own = tf.sigmoid(logits), tf.cast(labels, tf.float32)
        else:
            found = tf.nn.softmax(tf.gather(logits, self._order, axis=-1))
            own, counted = tf.one_hot(labels, len(self._order)), counted[..., tf.newaxis]
        return tf.where(counted, (1 - self.share) * own + self.share * found, float(IGNORE))

    def _logits(self, images: tf.Tensor) -> tf.Tensor:
        """Ask the model at its own size, and bring its logits to that of the pictures."""
        size = images.shape[1:3]
        if tuple(size) == self._size:
            return tf.cast(self.model(images, training=False), tf.float32)
        seen = tf.image.resize(images, self._size, antialias=True)
        logits = tf.cast(self.model(seen, training=False), tf.float32)
        if self._order is None:
            return tf.image.resize(logits[..., tf.newaxis], size)[..., 0]
        return tf.image.resize(logits, size)


def teacher_of(task: str, config: RunConfig, training: Source) -> Teacher | None:
    """Load the teacher that a configuration names, of the same task; None where it names none, or cannot.

    UsageError for what is no such model, or does not know all classes.
    """
    named: Any = getattr(config, "teacher", None)
    if not named:
        return None
    share = float(getattr(config, "teacher_share", 0.5))
    # where the batches are made, and whatever the precision of the training
    with tf.device("CPU"), dtype_policy("float32"):
        model = in_float32(first_model(named, (task,), training, trust=config.trust, flag="--teacher"))
    try:
        teacher = Teacher(model, share, () if task == "saliency" else training.class_names)
    except ValueError as error:
        raise UsageError(
            f"--teacher {named} {error}: give one trained with all classes of {training.name} "
            f"({', '.join(training.class_names)})"
        ) from error
    layer, resizing = logits_layer(model), getattr(config, "resizing", "stretch")
    if layer and layer.resizing != resizing:
        log.warning(
            "--teacher %s was trained on pictures that were made to fit by --resizing %s, and is shown them by %s: it "
            "may know them less well",
            named, layer.resizing, resizing,
        )  # fmt: skip
    log.info("taught by %s (%s), which has %.2g of each label", named, model.name, share)
    return teacher
