"""A detector of one stage: a feature pyramid on a KerasCV backbone, and two heads that all of its levels share."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ..input_size import size_of
from ..precision import dtype_policy
from ..preparation import prepare_for_training
from .anchors import level_shapes
from .base import Detector, checked_names
from .coding import BoxCoder
from .pyramid import PRIOR, FeaturePyramid, PredictionHead, backbone_levels


class OneStageDetector(Detector):
    """A pyramid and two heads for inputs [h, w, 3], with `per_location` boxes at each location of each level.

    Preprocessing is a factor and an offset per channel, or one for all, from 0-255 to what the backbone takes; channels
    is the width of pyramid and heads; head_layers counts the convolutions of each head before the last; resizing is
    only remembered; dtype None takes Keras' global policy. `own` are the arguments that a subclass has besides, to make
    it again, and `starts` what the codes start from, [A, 4].
    """

    def __init__(
        self,
        backbone: keras.Model,
        *,
        class_names: Sequence[str],
        preprocessing: Sequence[Any],
        channels: int,
        head_layers: int,
        resizing: str,
        batch_norm_momentum: float,
        dtype: Any,
        coder: BoxCoder,
        starts: np.ndarray,
        per_location: int,
        own: dict[str, Any],
        **kwargs: Any,
    ) -> None:
        counts = {"channels": (channels, 1), "head_layers": (head_layers, 0)}
        class_names = checked_names(class_names, resizing, **counts)
        size, policy = size_of(backbone), keras.dtype_policies.get(dtype)
        head = {"channels": channels, "layers": head_layers, "shapes": level_shapes(size), "dtype": policy}
        pyramid = FeaturePyramid(channels, dtype=policy, name="feature_pyramid")
        scores_a_place = per_location * len(class_names)
        classification_head = PredictionHead(scores_a_place, prior=PRIOR, name="classification_head", **head)
        box_head = PredictionHead(per_location * 4, name="box_head", **head)
        with dtype_policy("float32"):  # that of the outputs, in every precision
            levels = backbone_levels(backbone, preprocessing, policy)
            images = keras.Input(levels.input_shape[1:], name="images")
            boxes, scores = [], []
            for level in pyramid(levels(images)):
                boxes.append(keras.layers.Reshape((-1, 4))(box_head(level)))
                scores.append(keras.layers.Reshape((-1, len(class_names)))(classification_head(level)))
            outputs = {
                "box": keras.layers.Concatenate(axis=1, name="box")(boxes),
                "classification": keras.layers.Concatenate(axis=1, name="classification")(scores),
            }
            told: dict[str, Any] = {"size": size, "class_names": class_names, "resizing": resizing, "coder": coder}
            super().__init__({"images": images}, outputs, **told, **kwargs)
        self.starts = starts
        self.dtype_policy = policy
        self.feature_pyramid, self.classification_head, self.box_head = pyramid, classification_head, box_head
        self._arguments = {
            # Only a backbone as a whole can be made again: KerasCV's layers cannot, one by one.
            "backbone": keras.saving.serialize_keras_object(backbone),
            "preprocessing": [list(part) if isinstance(part, list | tuple) else part for part in preprocessing],
            "class_names": list(class_names),
            "channels": channels,
            "head_layers": head_layers,
            "resizing": resizing,
            "batch_norm_momentum": batch_norm_momentum,
            **own,
        }
        prepare_for_training(self, batch_norm_momentum=batch_norm_momentum)

    def references(self, outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Give what the codes start from, [A, 4]: it is the same in every picture."""
        return tf.constant(self.starts)
