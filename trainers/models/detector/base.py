"""A detector: how it is trained by losses that look at the whole batch, and what it gives."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import keras
import tensorflow as tf

from .... import losses
from ....losses.base import AnchorLoss
from ....losses.replicas import replica_count
from ...calibration.curves import Calibration
from ...geometry import RESIZINGS, InputSize
from ..precision import dtype_policy
from .coding import DELTAS, BoxCoder
from .detect import detections
from .loss import box_quality, class_labels, correlation_part, detector_loss, losses_of
from .matching import Targets

# Weight of the localisation part while self-balancing has no epoch behind it (Oksuz et al., NeurIPS 2020, Table 4).
INITIAL_BALANCE = 50.0


def checked_names(class_names: Sequence[str], resizing: str, **numbers: tuple[int, int]) -> tuple[str, ...]:
    """Give the names of a detector's classes; ValueError where there are none, or for another argument out of range.

    Of numbers, by the names of their arguments, there are their values and the least that they may be.
    """
    names = tuple(str(name) for name in class_names)
    if not names:
        raise ValueError("a detector needs at least one class name, got none")
    if resizing not in RESIZINGS:
        raise ValueError(f"unknown resizing {resizing}: choose one of {', '.join(RESIZINGS)}")
    for name, (value, least) in numbers.items():
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")
    return names


class Detector(keras.Model):
    """A network with a box and a score of each class for everything it starts from: anchors, places or proposals.

    Inputs are `image` [B, h, w, 3], any number type, 0 to 255, RGB. Outputs are `{"box": float32 [B, A, 4] codes of
    `coder`, "classification": float32 [B, A, C] logits}`, see `detect.detections`, which `predict` applies, and what
    else a network has. A subclass says what the codes start from, `references`, and what is to find which object,
    `assign`. `fit` and `evaluate` take batches `(images, {"boxes": float32 [B, M, 4] xyxy in pixels, "classes": int32
    [B, M]})`, padded by class -1; boxes of class -2 are ignored. `box_weight`, of the localisation part of the loss, is
    saved with the weights.
    """

    jit_compile: bool
    stages = 1  # 2 where one part proposes what another one looks at, as in `models.registry`
    samples = False  # whether its training can look at a sample alone of what is to find something
    calibration: Calibration | None = None  # of its scores, where whoever loaded it knows one; not saved with it
    made_of = "backbone"  # the argument that is a network itself
    _arguments: dict[str, Any]  # those that build an equal model, as JSON can hold them

    def __init__(
        self,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        *,
        size: InputSize,
        class_names: tuple[str, ...],
        resizing: str,
        coder: BoxCoder = DELTAS,
        **kwargs: Any,
    ) -> None:
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.size, self.class_names, self.resizing, self.coder = size, class_names, resizing, coder
        self.box_weight = self.add_weight((), "ones", dtype="float32", trainable=False, name="box_weight")
        self._trackers: list[keras.metrics.Mean] | None = None
        self._correlation_tracker: keras.metrics.Mean | None = None

    def call(self, images: Any, training: bool | None = None, mask: Any = None) -> dict[str, tf.Tensor]:
        """Compute the raw outputs of pictures."""
        # Keras warns where a mere tensor comes for an input that has a name.
        return super().call(images if isinstance(images, dict) else {"images": images}, training=training, mask=mask)

    def references(self, outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Give the boxes that codes start from, xyxy in pixels: [A, 4] of any picture, or [B, A, 4] by the outputs."""
        raise NotImplementedError(f"{type(self).__name__} must say what its codes start from")

    def assign(self, boxes: tf.Tensor, classes: tf.Tensor, outputs: Mapping[str, tf.Tensor] | None = None) -> Targets:
        """Tell what each reference is to find of boxes [B, M, 4] of classes [B, M]."""
        raise NotImplementedError(f"{type(self).__name__} must say what is to find which object")

    @property
    def of_classes(self) -> list[keras.Variable]:
        """The weights whose last axis is over classes, or over anchors times classes."""
        return self.classification_head.last.weights

    @property
    def left_out(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None:
        """From boxes [B, M, 4] and classes to which objects the rule of `assign` leaves with one forced place alone.

        None where there is no telling them apart. It gives bool [B, M].
        """
        return None

    @property
    def balances(self) -> dict[str, keras.Variable]:
        """The weights that self-balancing sets, by what the logs call the parts of the loss in front of their names."""
        return {"": self.box_weight}

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        loss: str | AnchorLoss = "focal",
        box_loss: str | None = None,
        box_weight: float = 1.0,
        self_balancing: bool = False,
        correlation: AnchorLoss | None = None,
        correlation_weight: float = 0.2,
        **kwargs: Any,
    ) -> None:
        """Configure the training; what is minimised is classification + box_weight * localisation.

        The loss is an `AnchorLoss` or its name in `losses.LOSSES`, the box loss one of `BOX_LOSSES`: None takes the
        loss' `usual_box_loss`. With self-balancing the callback `SelfBalancing` sets the weight, which is constant
        otherwise. A `losses.CorrelationLoss` as `correlation` is added at its weight; it trains the scores alone.
        """
        if kwargs.get("metrics") or kwargs.get("weighted_metrics"):
            raise ValueError("a detector is measured by the callback EpochReport, not by metrics of compile")
        loss, box_loss = losses_of(loss, box_loss, None if self.samples else type(self).__name__)
        if correlation is not None and not isinstance(correlation, losses.CorrelationLoss):
            raise ValueError(f"correlation must be a CorrelationLoss or None, got {correlation!r}")
        if not 0 < correlation_weight < float("inf"):
            raise ValueError(f"correlation_weight must be above 0, got {correlation_weight}")
        if not box_weight >= 0:
            raise ValueError(f"box_weight must be 0 or more, got {box_weight}")
        super().compile(optimizer=optimizer, **kwargs)
        self._anchor_loss, self.box_loss, self.self_balancing = loss, box_loss, self_balancing
        self._correlation, self._correlation_weight = correlation, correlation_weight
        self.box_weight.assign(INITIAL_BALANCE if self_balancing else box_weight)
        own = {"loss": loss, "box_loss": box_loss, "box_weight": box_weight, "self_balancing": self_balancing}
        own |= {"correlation": correlation, "correlation_weight": correlation_weight}
        of_keras = {name: getattr(self, name) for name in ("run_eagerly", "steps_per_execution", "jit_compile")}
        self.compile_arguments = own | of_keras
        if self._trackers is None:
            self._trackers = [keras.metrics.Mean(name=f"{part}_loss") for part in ("classification", "localization")]
        if correlation is not None and self._correlation_tracker is None:
            self._correlation_tracker = keras.metrics.Mean(name="correlation_loss")

    def fit(self, *args: Any, **kwargs: Any) -> keras.callbacks.History:
        """Train as `keras.Model.fit` does; ValueError when compiled for self-balancing, but nothing sets the weight."""
        callbacks = kwargs.get("callbacks", args[5] if len(args) > 5 else None)
        callbacks = keras.tree.flatten(getattr(callbacks, "callbacks", callbacks))
        balanced = any(getattr(callback, "sets_box_weight", False) for callback in callbacks)
        if self.compiled and self.self_balancing and not balanced:
            raise ValueError("compiled with self_balancing=True: give fit the callback SelfBalancing, found none")
        return super().fit(*args, **kwargs)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
        **kwargs: Any,
    ) -> tf.Tensor:
        """Compute the loss of a batch, and note its parts."""
        if sample_weight is not None:
            raise ValueError("a detector's loss ranks the batch as a whole and takes no sample_weight")
        found = self._found(y, y_pred, training)
        parts = [*detector_loss(self._anchor_loss, self.box_loss, *found)]
        trackers, total = [*(self._trackers or ())], parts[0] + self.box_weight * parts[1]
        if self._correlation is not None:
            targets, logits, *boxes = found
            parts.append(correlation_part(self._correlation, targets, self.log_odds(logits), *boxes))
            trackers.append(self._correlation_tracker)
            total += self._correlation_weight * parts[-1]
        for tracker, part in zip(trackers, parts):
            # the shares of all replicas make the part
            tracker.update_state(part * replica_count(), sample_weight=tf.shape(y["boxes"])[0])
        return total

    def _found(
        self, y: Mapping[str, tf.Tensor], outputs: Mapping[str, tf.Tensor], training: bool
    ) -> tuple[Targets, tf.Tensor, tf.Tensor, tf.Tensor, BoxCoder]:
        """Bring together what the parts of the loss are told of a batch, in training or measuring: `detector_loss`."""
        targets = self.assign(y["boxes"], y["classes"], outputs)
        return targets, outputs["classification"], outputs["box"], self.references(outputs), self.coder

    def log_odds(self, logits: tf.Tensor) -> tf.Tensor:
        """Give the log-odds of the scores [B, A, C] that the logits stand for which the loss is told of."""
        return logits

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Take one step; the logs tell the weight that it was taken with."""
        weight = tf.identity(self.box_weight.value)
        return {**super().train_step(data), "box_weight": weight}

    def examine(self, images: tf.Tensor, y: Mapping[str, tf.Tensor]) -> tuple[tf.Tensor, ...]:
        """Give what the classification part of the loss, and the correlation's, does to each logit of a batch.

        That is labels int8 [B, A, C] as of `class_labels`; the log-odds of the scores, and the gradients by the logits
        behind them, float32 [B, A, C]; and the IoU of each positive anchor's box with its object, float32 [B, A].
        """
        found = self._found(y, self(images, training=False), False)
        targets, logits, *boxes = found
        with tf.GradientTape() as tape:
            tape.watch(logits)
            part, _ = detector_loss(self._anchor_loss, self.box_loss, *found)
            if self._correlation is not None:
                added = correlation_part(self._correlation, targets, self.log_odds(logits), *boxes)
                part += self._correlation_weight * added
        gradients = tape.gradient(part, logits, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        iou = box_quality(targets, *boxes)
        return class_labels(targets, len(self.class_names)), self.log_odds(logits), gradients, iou

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal model."""
        dtype = keras.dtype_policies.serialize(self.dtype_policy)
        return {"name": self.name, "trainable": self.trainable, "dtype": dtype, **self._arguments}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make the model again."""
        policy = keras.dtype_policies.get(config["dtype"])
        with dtype_policy(policy):  # not every backbone keeps its own
            network = keras.saving.deserialize_keras_object(config[cls.made_of])
        return cls(**{**config, cls.made_of: network, "dtype": policy})

    def bare(self) -> Self:
        """The same model with copies of the weights, without optimizer, loss and metrics: what is to be saved."""
        copy = type(self).from_config(self.get_config())
        copy.set_weights(self.get_weights())
        return copy

    def predict_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Find boxes in one batch."""
        found = self.detections(super().predict_step(data))
        return dict(zip(("boxes", "confidence", "classes", "num_detections"), found))

    def detections(self, outputs: Mapping[str, tf.Tensor], **options: Any) -> tuple[tf.Tensor, ...]:
        """Make boxes, scores, classes and their number of the raw outputs, as `detect.detections` with its options.

        Scores are calibrated as `calibration` says, unless another one, or None, is among the options.
        """
        logits, codes, references = outputs["classification"], outputs["box"], self.references(outputs)
        given = {"coder": self.coder, "calibration": self.calibration, **options}
        return detections(logits, codes, references, self.size, **given)

    def make_predict_function(self, force: bool = False) -> Callable[..., Any]:
        """Make the function behind `predict`, without XLA, which has no padded non-maximum suppression."""
        compiled, self.jit_compile = self.jit_compile, False
        try:
            return super().make_predict_function(force)
        finally:
            self.jit_compile = compiled

    def get_compile_config(self) -> dict[str, Any] | None:
        """Give the arguments of `compile`, or None before it."""
        if not self.compiled:
            return None
        optimizer = getattr(self.optimizer, "inner_optimizer", self.optimizer)
        arguments = {"optimizer": optimizer, **self.compile_arguments}
        return {name: keras.saving.serialize_keras_object(value) for name, value in arguments.items()}

    def compile_from_config(self, config: Mapping[str, Any]) -> None:
        """Compile with what `get_compile_config` gave."""
        self.compile(**{name: keras.saving.deserialize_keras_object(value) for name, value in config.items()})
        self.optimizer.build(self.trainable_variables)
