"""RetinaNet of KerasCV for raw 0-255 pictures, trained by losses that look at the whole batch."""

import keras
import keras_cv
import tensorflow as tf

from .... import losses
from ....losses.base import AnchorLoss
from ....losses.boxes import aligned_iou
from ...errors import UsageError
from ...geometry import RESIZINGS
from ..backbones.builders import PREPROCESSING
from ..backbones.pretrained import load_backbone
from ..precision import dtype_policy
from ..preparation import prepare_for_training
from .anchors import AnchorGrid
from .assignment import ASSIGNMENTS, LabelEncoder
from .detect import decode_boxes, detections
from .loss import BOX_LOSSES, class_labels, detector_loss
from .pyramid import PRIOR, FeaturePyramid, PredictionHead, backbone_levels

INITIAL_BALANCE = 50.0
"""Weight of the localisation part while self-balancing has no epoch behind it (Oksuz et al., NeurIPS 2020, Table 4)."""


def build_retinanet(
    backbone: str = "efficientnet_lite0",
    *,
    size: int,
    class_names,
    weights: str = "none",
    scales_per_octave: int = 3,
    channels: int = 96,
    head_layers: int = 3,
    anchor_scale: float = 4.0,
    assignment: str = "iou",
    resizing: str = "pad",
    batch_norm_momentum: float = 0.95,
) -> "RetinaNet":
    """Build a RetinaNet (Lin et al., Focal Loss for Dense Object Detection, ICCV 2017).

    Args:
        backbone: a key of `BACKBONES`.
        size: side of the square input, in pixels; a multiple of 32.
        class_names: names of the classes, without background.
        weights: first weights of the backbone, see `load_backbone_weights`.
        scales_per_octave: sizes of anchors on each level; with three aspect ratios each.
        channels: width of the feature pyramid and the heads.
        head_layers: convolutions of each head before the last one.
        anchor_scale: side of a level's smallest anchor, in strides.
        assignment: a key of `ASSIGNMENTS`.
        resizing: how pictures are brought to the input's size, "pad" or "stretch"; kept for those who do that.
        batch_norm_momentum: how slowly moving statistics move, in [0, 1).

    Returns:
        The model.

    Raises:
        UsageError: an unknown backbone, weights, assignment or resizing, a size that is not a multiple of 32, no
            classes, or a number out of range.
        MetricfitError: the weights could not be read.
    """
    features = load_backbone(backbone, size, weights)
    try:
        return RetinaNet(
            features,
            class_names=class_names,
            preprocessing=PREPROCESSING[backbone],
            scales_per_octave=scales_per_octave,
            channels=channels,
            head_layers=head_layers,
            anchor_scale=anchor_scale,
            assignment=assignment,
            resizing=resizing,
            batch_norm_momentum=batch_norm_momentum,
            name=f"retinanet_{backbone}",
        )
    except ValueError as error:
        raise UsageError(str(error)) from error


@keras.saving.register_keras_serializable(package="metricfit")
class RetinaNet(keras_cv.models.RetinaNet):
    """KerasCV's RetinaNet with anchors, label assignment, losses and decoding of this project.

    Inputs are `image` [B, S, S, 3], any number type, 0 to 255, RGB. Outputs are `{"box": float32 [B, A, 4] deltas,
    "classification": float32 [B, A, C] logits}`, see `detect.detections`. `fit` and `evaluate` take batches
    `(images, {"boxes": float32 [B, M, 4] xyxy in pixels, "classes": int32 [B, M]})`, padded by class -1; boxes of
    class -2 are ignored. `predict` gives finished detections.

    Args:
        backbone: a KerasCV backbone for inputs [S, S, 3]; what lies behind its P5 is left out.
        class_names: names of the classes, without background.
        preprocessing: factor and offset per channel, or one for all, from 0-255 to what the backbone takes.
        scales_per_octave: see `AnchorGrid`.
        channels: width of the feature pyramid and the heads.
        head_layers: convolutions of each head before the last one.
        anchor_scale: see `AnchorGrid`.
        assignment: a key of `ASSIGNMENTS`.
        resizing: "pad" or "stretch".
        batch_norm_momentum: see `prepare_for_training`.
        dtype: dtype policy of pyramid and heads; None takes Keras' global one.
        **kwargs: name and trainable, as of `keras.Model`.

    Attributes:
        size: side of the input in pixels.
        class_names: as given, a tuple.
        resizing: as given.
        anchor_grid: the `AnchorGrid`.
        anchors: float32 array [A, 4], xyxy in pixels.
        box_weight: weight of the localisation part of the loss, a scalar that is saved with the weights.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        backbone,
        *,
        class_names,
        preprocessing=(1.0, 0.0),
        scales_per_octave=3,
        channels=96,
        head_layers=3,
        anchor_scale=4.0,
        assignment="iou",
        resizing="pad",
        batch_norm_momentum=0.95,
        dtype=None,
        **kwargs,
    ):
        class_names = tuple(str(name) for name in class_names)
        if not class_names:
            raise ValueError("a detector needs at least one class name, got none")
        for name, value, choices in (("assignment", assignment, ASSIGNMENTS), ("resizing", resizing, RESIZINGS)):
            if value not in choices:
                raise ValueError(f"unknown {name} {value}: choose one of {', '.join(choices)}")
        for name, value, least in (("channels", channels, 1), ("head_layers", head_layers, 0)):
            if value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        grid = AnchorGrid(backbone.input_shape[1], scales_per_octave, anchor_scale)
        policy = keras.dtype_policies.get(dtype)
        head = {"channels": channels, "layers": head_layers, "sides": grid.sides, "dtype": policy}
        with dtype_policy("float32"):  # KerasCV's own layers join the outputs, which are float32 in every precision
            super().__init__(
                backbone_levels(backbone, preprocessing, policy),
                num_classes=len(class_names),
                bounding_box_format="xyxy",
                label_encoder=LabelEncoder(grid, assignment),
                prediction_decoder=detections,
                feature_pyramid=FeaturePyramid(channels, dtype=policy, name="feature_pyramid"),
                classification_head=PredictionHead(
                    grid.per_location * len(class_names), prior=PRIOR, name="classification_head", **head
                ),
                box_head=PredictionHead(grid.per_location * 4, name="box_head", **head),
                **kwargs,
            )
        self.dtype_policy = policy
        self.size, self.class_names, self.resizing = grid.size, class_names, resizing
        self.anchor_grid, self.anchors = grid, grid.boxes()
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
        self.box_weight = self.add_weight(
            shape=(), initializer="ones", trainable=False, dtype="float32", name="box_weight"
        )
        self._trackers = None
        prepare_for_training(self, batch_norm_momentum=batch_norm_momentum)

    def call(self, images, training=None, mask=None):
        """Compute the raw outputs of pictures."""
        # KerasCV named its input, and Keras warns where a mere tensor comes.
        images = images if isinstance(images, dict) else {"images": images}
        return super().call(images, training=training, mask=mask)

    def compile(
        self,
        optimizer="adam",
        loss="focal",
        box_loss=None,
        box_weight=1.0,
        self_balancing=False,
        **kwargs,
    ):
        """Configure the training; what is minimised is classification + box_weight * localisation.

        Args:
            optimizer: as in `keras.Model.compile`.
            loss: an `AnchorLoss`, or its name in `losses.LOSSES`.
            box_loss: one of `BOX_LOSSES`, see `detector_loss`; None takes "giou" for a loss that localises itself
                (aLRP) and "smooth_l1" for all others.
            box_weight: constant weight of the localisation part.
            self_balancing: whether the callback `SelfBalancing` sets the weight instead.
            **kwargs: run_eagerly, steps_per_execution, jit_compile and auto_scale_loss of `keras.Model.compile`.

        Raises:
            ValueError: the loss or a box loss that does not fit it is unknown, the weight is negative, or metrics are
                given: what is found is measured by a callback.
        """
        if kwargs.get("metrics") or kwargs.get("weighted_metrics"):
            raise ValueError("a detector is measured by the callback DetectionMetrics, not by metrics of compile")
        loss = losses.get(loss) if isinstance(loss, str) else loss
        if not isinstance(loss, AnchorLoss):
            raise ValueError(f"a detector needs a loss over anchors such as alrp, ap or focal, got {loss!r}")
        localizes = loss.needs == "localization_error"
        box_loss = box_loss or ("giou" if localizes else "smooth_l1")
        choices = [name for name in BOX_LOSSES if not (localizes and name == "smooth_l1")]
        if box_loss not in choices:
            raise ValueError(f"box_loss of loss {loss.name} must be one of {', '.join(choices)}, got {box_loss}")
        if not box_weight >= 0:
            raise ValueError(f"box_weight must be 0 or more, got {box_weight}")
        # KerasCV's own compile knows losses of single anchors only.
        super(keras_cv.models.RetinaNet, self).compile(optimizer=optimizer, **kwargs)
        self._has_user_metrics = False
        self._anchor_loss, self.box_loss, self.self_balancing = loss, box_loss, self_balancing
        self.box_weight.assign(INITIAL_BALANCE if self_balancing else box_weight)
        self._compile_arguments = {
            "loss": loss,
            "box_loss": box_loss,
            "box_weight": box_weight,
            "self_balancing": self_balancing,
            "run_eagerly": self.run_eagerly,
            "steps_per_execution": self.steps_per_execution,
            "jit_compile": self.jit_compile,
        }
        if self._trackers is None:
            self._trackers = [keras.metrics.Mean(name=f"{part}_loss") for part in ("classification", "localization")]

    def fit(self, *args, **kwargs):
        """Train as `keras.Model.fit` does.

        Raises:
            ValueError: compiled for self-balancing, but nothing sets the weight.
        """
        callbacks = kwargs.get("callbacks", args[5] if len(args) > 5 else None)
        callbacks = keras.tree.flatten(getattr(callbacks, "callbacks", callbacks))
        if self.compiled and self.self_balancing and not any(hasattr(one, "sets_box_weight") for one in callbacks):
            raise ValueError("compiled with self_balancing=True: give fit the callback SelfBalancing, found none")
        return super().fit(*args, **kwargs)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, **kwargs):
        """Compute the loss of a batch, and note both parts."""
        if sample_weight is not None:
            raise ValueError("a detector's loss ranks the batch as a whole and takes no sample_weight")
        targets = self.label_encoder(y["boxes"], y["classes"])
        parts = detector_loss(
            self._anchor_loss, self.box_loss, targets, y_pred["classification"], y_pred["box"], self.anchors
        )
        for tracker, part in zip(self._trackers, parts):
            tracker.update_state(part, sample_weight=tf.shape(y["boxes"])[0])
        return parts[0] + self.box_weight * parts[1]

    def train_step(self, data):
        """Take one step; the logs tell the weight that it was taken with."""
        weight = tf.identity(self.box_weight.value)
        # KerasCV's own step knows no third part of a batch, which Keras may give as None.
        return {**super(keras_cv.models.RetinaNet, self).train_step(data), "box_weight": weight}

    def test_step(self, data):
        """Evaluate one batch."""
        return super(keras_cv.models.RetinaNet, self).test_step(data)

    def examine(self, images, y):
        """What the classification part of the loss does to each logit of a batch.

        Args:
            images: [B, S, S, 3].
            y: boxes and classes, as in training.

        Returns:
            labels: int8 [B, A, C]: 1, 0 and -1.
            logits: float32 [B, A, C].
            gradients: of the classification part with respect to the logits, float32 [B, A, C].
            iou: float32 [B, A]: of each positive anchor's box with its object.
        """
        targets = self.label_encoder(y["boxes"], y["classes"])
        outputs = self(images, training=False)
        logits, deltas = outputs["classification"], outputs["box"]
        with tf.GradientTape() as tape:
            tape.watch(logits)
            part, _ = detector_loss(self._anchor_loss, self.box_loss, targets, logits, deltas, self.anchors)
        gradients = tape.gradient(part, logits, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        iou = aligned_iou(decode_boxes(deltas, self.anchors), targets.boxes)
        return class_labels(targets, len(self.class_names)), logits, gradients, iou

    def decode_predictions(self, predictions, images=None):
        """Turn raw outputs into detections, as `predict` gives them."""
        found = detections(predictions["classification"], predictions["box"], self.anchors, self.size)
        return dict(zip(("boxes", "confidence", "classes", "num_detections"), found))

    def make_predict_function(self, force=False):
        """Make the function behind `predict`, without XLA, which has no padded non-maximum suppression."""
        compiled, self._jit_compile = self._jit_compile, False
        try:
            return super().make_predict_function(force)
        finally:
            self._jit_compile = compiled

    def bare(self) -> "RetinaNet":
        """The same model with copies of the weights, without optimizer, loss and metrics: what is to be saved."""
        copy = type(self).from_config(self.get_config())
        copy.set_weights(self.get_weights())
        return copy

    def get_config(self):
        """Return the arguments of the constructor."""
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": keras.dtype_policies.serialize(self.dtype_policy),
            **self._arguments,
        }

    @classmethod
    def from_config(cls, config):
        """Make the model again."""
        policy = keras.dtype_policies.get(config["dtype"])
        with dtype_policy(policy):  # a KerasCV backbone does not keep its own
            backbone = keras.saving.deserialize_keras_object(config["backbone"])
        return cls(**{**config, "backbone": backbone, "dtype": policy})

    def get_compile_config(self):
        """Return the arguments of `compile`, or None before it."""
        if not self.compiled:
            return None
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        return {
            name: keras.saving.serialize_keras_object(value)
            for name, value in {"optimizer": optimizer, **self._compile_arguments}.items()
        }

    def compile_from_config(self, config):
        """Compile with what `get_compile_config` gave."""
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})
        self.optimizer.build(self.trainable_variables)
