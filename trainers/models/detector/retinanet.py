"""RetinaNet on a KerasCV backbone, for raw 0-255 pictures."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from ...errors import UsageError
from ...geometry import RESIZINGS
from ..backbones.builders import PREPROCESSING
from ..backbones.weights import load_backbone
from ..precision import dtype_policy
from ..preparation import prepare_for_training
from .anchors import AnchorGrid
from .assignment import ASSIGNMENTS, left_out_by_atss
from .base import Detector
from .matching import Targets
from .pyramid import PRIOR, FeaturePyramid, PredictionHead, backbone_levels


def build_retinanet(
    backbone: str = "efficientnet_lite0", *, size: int, class_names: Sequence[str], weights: str = "none", **more: Any
) -> "RetinaNet":
    """Build a RetinaNet (Lin et al., Focal Loss for Dense Object Detection, ICCV 2017); see also `load_backbone`."""
    features = load_backbone(backbone, size, weights)
    more |= {"preprocessing": PREPROCESSING[backbone], "name": f"retinanet_{backbone}"}
    try:
        return RetinaNet(features, class_names=class_names, **more)
    except ValueError as error:
        raise UsageError(str(error)) from error


@keras.saving.register_keras_serializable(package="metricfit")
class RetinaNet(Detector):
    """A feature pyramid on a KerasCV backbone for inputs [S, S, 3], and two heads that all of its levels share.

    Preprocessing is a factor and an offset per channel, or one for all, from 0-255 to what the backbone takes; scales
    and anchor_scale are as in `AnchorGrid`; channels is the width of pyramid and heads; head_layers counts the
    convolutions of each head before the last; resizing is only remembered; dtype None takes Keras' global policy.
    """

    def __init__(
        self,
        backbone: keras.Model,
        *,
        class_names: Sequence[str],
        preprocessing: Sequence[Any] = (1.0, 0.0),
        scales_per_octave: int = 3,
        channels: int = 96,
        head_layers: int = 3,
        anchor_scale: float = 4.0,
        assignment: str = "iou",
        resizing: str = "pad",
        batch_norm_momentum: float = 0.95,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        class_names = tuple(str(name) for name in class_names)
        if not class_names:
            raise ValueError("a detector needs at least one class name, got none")
        for name, choice, choices in (("assignment", assignment, ASSIGNMENTS), ("resizing", resizing, RESIZINGS)):
            if choice not in choices:
                raise ValueError(f"unknown {name} {choice}: choose one of {', '.join(choices)}")
        for name, value, least in (("channels", channels, 1), ("head_layers", head_layers, 0)):
            if value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        grid = AnchorGrid(backbone.input_shape[1], scales_per_octave, anchor_scale)
        policy = keras.dtype_policies.get(dtype)
        head = {"channels": channels, "layers": head_layers, "sides": grid.sides, "dtype": policy}
        pyramid = FeaturePyramid(channels, dtype=policy, name="feature_pyramid")
        scores_a_place = grid.per_location * len(class_names)
        classification_head = PredictionHead(scores_a_place, prior=PRIOR, name="classification_head", **head)
        box_head = PredictionHead(grid.per_location * 4, name="box_head", **head)
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
            told: dict[str, Any] = {"size": grid.size, "class_names": class_names, "resizing": resizing}
            super().__init__({"images": images}, outputs, **told, **kwargs)
        self.anchor_grid, self.anchors, self.assignment = grid, grid.boxes(), assignment
        self.dtype_policy = policy
        self.feature_pyramid, self.classification_head, self.box_head = pyramid, classification_head, box_head
        self._arguments = {
            # Only a backbone as a whole can be made again: KerasCV's layers cannot, one by one.
            "backbone": keras.saving.serialize_keras_object(backbone),
            "preprocessing": [list(part) if isinstance(part, list | tuple) else part for part in preprocessing],
            "class_names": list(class_names),
            "scales_per_octave": scales_per_octave,
            "channels": channels,
            "head_layers": head_layers,
            "anchor_scale": anchor_scale,
            "assignment": assignment,
            "resizing": resizing,
            "batch_norm_momentum": batch_norm_momentum,
        }
        prepare_for_training(self, batch_norm_momentum=batch_norm_momentum)

    def references(self, outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Give the anchors, [A, 4]."""
        return tf.constant(self.anchors)

    def assign(self, boxes: tf.Tensor, classes: tf.Tensor, outputs: Mapping[str, tf.Tensor] | None = None) -> Targets:
        """Tell what each anchor is to find of boxes [B, M, 4] of classes [B, M]."""
        return ASSIGNMENTS[self.assignment](boxes, classes, self.anchor_grid)

    @property
    def left_out(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None:
        """As `Detector.left_out`, of ATSS; thresholds force an anchor for each object anyway."""
        return partial(left_out_by_atss, grid=self.anchor_grid) if self.assignment == "atss" else None

    def bare(self) -> "RetinaNet":
        """The same model with copies of the weights, without optimizer, loss and metrics: what is to be saved."""
        copy = type(self).from_config(self.get_config())
        copy.set_weights(self.get_weights())
        return copy

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal model."""
        dtype = keras.dtype_policies.serialize(self.dtype_policy)
        return {"name": self.name, "trainable": self.trainable, "dtype": dtype, **self._arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "RetinaNet":
        """Make the model again."""
        policy = keras.dtype_policies.get(config["dtype"])
        with dtype_policy(policy):  # a KerasCV backbone does not keep its own
            backbone = keras.saving.deserialize_keras_object(config["backbone"])
        return cls(**{**config, "backbone": backbone, "dtype": policy})
