"""KerasHub's RetinaNet, trained by losses that rank a whole batch and may look at its boxes."""

import math
from collections.abc import Mapping
from typing import Any

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from ....losses.base import AnchorLoss
from ....losses.replicas import replica_count
from ...geometry import input_size
from ..detector.assignment import ASSIGNMENTS
from ..detector.coding import Deltas
from ..detector.loss import detector_loss, losses_of
from ..detector.matching import Targets, covered, targets_of
from ..detector.pyramid import PRIOR
from .anchors import RATIOS, HubAnchorGrid

OWN_ASSIGNMENT = "hub"
_CODES = "center_xywh"
_LEVELS = (3, 7)


@keras.saving.register_keras_serializable(package="metricfit")
class RankedRetinaNetObjectDetector(keras_hub.models.RetinaNetObjectDetector):
    """A `keras_hub.models.RetinaNetObjectDetector` whose `compile` takes every detection loss of `metricfit.losses`.

    Arguments, labels `{"boxes", "labels"}`, padded by -1, predictions and presets are KerasHub's. Labels of -2 say that
    anchors on their boxes count neither way. Besides the loss two things are other: the heads begin as in Lin et al.
    (ICCV 2017), every class with a score of `PRIOR`, which KerasHub gives to the boxes by mistake; and `predict` undoes
    the label encoder's `box_variance`, which KerasHub's forgets. `box_weight` is a variable, which `SelfBalancing` may
    set.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.label_encoder.encoding_format != _CODES:
            raise ValueError(
                f"the label encoder must have encoding_format {_CODES}, by which KerasHub reads boxes, "
                f"got {self.label_encoder.encoding_format}"
            )
        # In half precision a box of hundreds of pixels is wrong by some of them.
        encoder = self.label_encoder
        for layer in (self.anchor_generator, encoder, encoder.anchor_generator, encoder.box_matcher):
            layer.dtype_policy = "float32"
        self._begin()

    def _begin(self) -> None:
        """Start the heads anew: the initialiser that KerasHub's layers share makes all of them alike, and loud."""
        for head in (self.classification_head, self.box_head):
            for layer in head.conv_layers:
                layer.kernel.assign(keras.initializers.HeNormal()(layer.kernel.shape))
            last = head.prediction_layer
            last.kernel.assign(keras.initializers.RandomNormal(stddev=0.01)(last.kernel.shape))
        self.box_head.prediction_layer.bias.assign(np.zeros(self.box_head.prediction_layer.bias.shape))
        bias = self.classification_head.prediction_layer.bias
        bias.assign(np.full(bias.shape, -math.log((1 - PRIOR) / PRIOR)))

    @property
    def coder(self) -> Deltas:
        """How its boxes are coded."""
        dx, dy, dw, dh = map(float, self.label_encoder.box_variance)
        return Deltas((dx, dy, dw, dh))

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "auto",
        box_loss: str | None = "auto",
        classification_loss: str | AnchorLoss = "auto",
        metrics: None = None,
        *,
        box_weight: float = 1.0,
        assignment: str = OWN_ASSIGNMENT,
        **kwargs: Any,
    ) -> None:
        """Configure the training; what is minimised is classification + box_weight * localisation.

        The classification loss is an `AnchorLoss` or its name in `losses.LOSSES`, "auto" aLRP; the box loss is
        one of `BOX_LOSSES`, "auto" the usual one of the other. The assignment is "hub", that of the label encoder,
        by which an object may stay without an anchor, or one of `ASSIGNMENTS`, for square pictures. There are no
        metrics here, as in KerasHub.
        """
        if metrics is not None or kwargs.get("weighted_metrics"):
            raise ValueError("a detector is not measured by metrics of compile: look at what predict finds")
        if assignment not in (OWN_ASSIGNMENT, *ASSIGNMENTS):
            choices = ", ".join([OWN_ASSIGNMENT, *ASSIGNMENTS])
            raise ValueError(f"unknown assignment {assignment}: choose one of {choices}")
        if not box_weight >= 0:
            raise ValueError(f"box_weight must be 0 or more, got {box_weight}")
        automatic = {"auto": "alrp"}.get(classification_loss) if isinstance(classification_loss, str) else None
        chosen = losses_of(automatic or classification_loss, None if box_loss == "auto" else box_loss, "this network")
        optimizer = keras.optimizers.Adam(5e-5) if optimizer == "auto" else optimizer  # as KerasHub has it
        # KerasHub's own would wrap losses that Keras calls one by one.
        super(keras_hub.models.ObjectDetector, self).compile(optimizer=optimizer, **kwargs)
        self._anchor_loss, self._box_loss = chosen
        self.assignment = assignment
        if getattr(self, "box_weight", None) is None:
            # Not one of Keras' own, which would be among the weights, and no preset has it.
            self.box_weight = tf.Variable(box_weight, trainable=False, dtype=tf.float32, name="box_weight")
        self.box_weight.assign(box_weight)
        told = {"box_loss": chosen[1], "classification_loss": chosen[0], "assignment": assignment}
        of_keras = {name: getattr(self, name) for name in ("run_eagerly", "steps_per_execution", "jit_compile")}
        self._compiled_with = {**told, "box_weight": box_weight, **of_keras}
        if getattr(self, "_trackers", None) is None:
            self._trackers = [keras.metrics.Mean(name=f"{part}_loss") for part in ("classification", "localization")]

    def get_compile_config(self) -> dict[str, Any] | None:
        """Give the arguments of `compile`, or None before it."""
        if not self.compiled:
            return None
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        arguments = {"optimizer": optimizer, **self._compiled_with}
        return {name: keras.saving.serialize_keras_object(value) for name, value in arguments.items()}

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile with what `get_compile_config` gave."""
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})
        self.optimizer.build(self.trainable_variables)

    def compute_loss(
        self, x: Any = None, y: Any = None, y_pred: Any = None, sample_weight: Any = None, **kwargs: Any
    ) -> tf.Tensor:
        """Compute the loss of a batch, and note its parts."""
        if sample_weight is not None:
            raise ValueError("a detector's loss ranks the batch as a whole and takes no sample_weight")
        height, width = x.shape[1:3]
        if not height or not width:
            raise ValueError(f"pictures must have a fixed size, for anchors are laid on it, got shape {tuple(x.shape)}")
        boxes = _converted(y["boxes"], self.bounding_box_format, "xyxy", height, width)
        targets = self.assign(boxes, y["labels"], height, width, self.assignment)
        found = y_pred["cls_logits"], y_pred["bbox_regression"], self.anchor_boxes(height, width), self.coder
        parts = detector_loss(self._anchor_loss, self._box_loss, targets, *found)
        for tracker, part in zip(self._trackers, parts):
            # the shares of all replicas make the part
            tracker.update_state(part * replica_count(), sample_weight=tf.shape(y["boxes"])[0])
        return parts[0] + self.box_weight * parts[1]

    def anchor_boxes(self, height: int, width: int) -> tf.Tensor:
        """Give the anchors of pictures of so many pixels, float32 [A, 4], xyxy, in the order of the outputs."""
        levels = self.anchor_generator(tf.zeros([1, height, width, 1]))
        boxes = tf.concat(list(levels.values()), axis=0)
        return _converted(boxes, self.anchor_generator.bounding_box_format, "xyxy", height, width)

    def anchor_grid(self, height: int, width: int) -> HubAnchorGrid:
        """Give the same anchors as a grid; ValueError for others than those of a RetinaNet."""
        laid = self.anchor_generator
        if (laid.min_level, laid.max_level) != _LEVELS or tuple(laid.aspect_ratios) != RATIOS:
            raise ValueError(
                f"assignments besides hub are for anchors of the levels 3 to 7 with aspect ratios "
                f"{list(RATIOS)}, got levels {laid.min_level} to {laid.max_level}, ratios "
                f"{list(laid.aspect_ratios)}: take assignment hub"
            )
        return HubAnchorGrid(input_size((height, width)), laid.num_scales, laid.anchor_size)

    def assign(self, boxes: tf.Tensor, classes: tf.Tensor, height: int, width: int, assignment: str) -> Targets:
        """Tell what each anchor is to find of boxes [B, M, 4], xyxy in pixels, of classes [B, M]; see `compile`."""
        boxes, classes = tf.cast(boxes, tf.float32), tf.cast(classes, tf.int32)
        if assignment != OWN_ASSIGNMENT:
            return ASSIGNMENTS[assignment](boxes, classes, self.anchor_grid(height, width))
        given = _converted(boxes, "xyxy", self.label_encoder.bounding_box_format, height, width)
        given = tf.where((classes < 0)[..., None], -1.0, given)  # what is no object takes no anchor from one
        # Told the places of objects in place of their classes, the label encoder says which of them an anchor has.
        places = tf.broadcast_to(tf.range(tf.shape(classes)[1], dtype=tf.float32), tf.shape(classes))
        _, owner = self.label_encoder(tf.zeros([1, height, width, 1]), given, places)
        owner = tf.cast(owner, tf.int32)
        anchors = self.anchor_boxes(height, width)
        ignored = covered(anchors[:, None], boxes[:, None], classes)
        ignored |= owner == int(self.label_encoder.ignore_class)
        return targets_of(boxes, classes, anchors, owner, owner >= 0, ignored)

    def decode_predictions(self, predictions: Mapping[str, tf.Tensor], data: Any) -> dict[str, tf.Tensor]:
        """Make boxes of the raw outputs, as KerasHub does, by codes that are those of its label encoder."""
        codes = tf.cast(predictions["bbox_regression"], tf.float32) * tf.constant(self.coder.variances)
        undone = {**predictions, "bbox_regression": codes}
        return super().decode_predictions(undone, data)


def _converted(boxes: Any, source: str, target: str, height: int, width: int) -> tf.Tensor:
    boxes = tf.cast(boxes, tf.float32)
    if source == target:
        return boxes
    return keras.utils.bounding_boxes.convert_format(boxes, source=source, target=target, height=height, width=width)
