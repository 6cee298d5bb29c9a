"""KerasHub's RetinaNet as a detector of this project, for raw 0-255 pictures."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import keras_hub
import tensorflow as tf

from ...errors import UsageError
from ...geometry import InputSize, check_size, height_width
from ..detector.assignment import ASSIGNMENTS, left_out_by_atss
from ..detector.base import Detector, checked_names
from ..detector.coding import DELTAS
from ..detector.matching import Targets
from ..input_size import size_of
from ..precision import dtype_policy
from ..preparation import prepare_for_training
from .anchors import RATIOS, HubAnchorGrid
from .encoders import ENCODERS, PREPROCESSING
from .ranked import OWN_ASSIGNMENT, RankedRetinaNetObjectDetector
from .weights import load_first_weights

HUB_ASSIGNMENTS = (OWN_ASSIGNMENT, *ASSIGNMENTS)


def build_hub_retinanet(
    backbone: str = "efficientnet_lite0",
    *,
    size: InputSize,
    class_names: Sequence[str],
    weights: str = "none",
    **more: Any,
) -> "HubRetinaNet":
    """Build KerasHub's RetinaNet on one of `ENCODERS`; weights are as in `load_first_weights`."""
    if backbone not in ENCODERS:
        raise UsageError(f"unknown backbone {backbone}: choose one of {', '.join(ENCODERS)}")
    check_size(size)
    encoder = ENCODERS[backbone]((*height_width(size), 3))
    try:
        model = HubRetinaNet(encoder, class_names=class_names, name=f"hub_retinanet_{backbone}", **more)
    except ValueError as error:
        raise UsageError(str(error)) from error
    load_first_weights(model.network, backbone, weights)
    return model


@keras.saving.register_keras_serializable(package="metricfit")
class HubRetinaNet(Detector):
    """KerasHub's feature pyramid and heads, both 256 wide, on an encoder of its own for inputs [h, w, 3].

    Scales and anchor_scale are as in `HubAnchorGrid`; head_layers counts the convolutions of each head before the last;
    the assignment is one of `HUB_ASSIGNMENTS`; resizing is only remembered; dtype None takes Keras' global policy. The
    network itself is `network`.
    """

    made_of = "encoder"

    def __init__(
        self,
        encoder: keras.Model,
        *,
        class_names: Sequence[str],
        scales_per_octave: int = 3,
        anchor_scale: float = 4.0,
        head_layers: int = 3,
        assignment: str = "iou",
        resizing: str = "pad",
        batch_norm_momentum: float = 0.95,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        class_names = checked_names(class_names, resizing, head_layers=(head_layers, 0))
        if assignment not in HUB_ASSIGNMENTS:
            raise ValueError(f"unknown assignment {assignment}: choose one of {', '.join(HUB_ASSIGNMENTS)}")
        shape = tuple(encoder.input_shape[1:])
        size, policy = size_of(encoder), keras.dtype_policies.get(dtype)
        grid = HubAnchorGrid(size, scales_per_octave, anchor_scale)
        with dtype_policy("float32"):  # that of the outputs, in every precision
            network = _network(encoder, shape, len(class_names), grid, head_layers, policy)
            images = keras.Input(shape, name="images")
            found = network(keras.layers.Rescaling(*PREPROCESSING, dtype=policy, name="preprocessing")(images))
            outputs = {
                "box": keras.layers.Identity(name="box")(found["bbox_regression"]),
                "classification": keras.layers.Identity(name="classification")(found["cls_logits"]),
            }
            told: dict[str, Any] = {"size": size, "class_names": class_names, "resizing": resizing, "coder": DELTAS}
            super().__init__({"images": images}, outputs, **told, **kwargs)
        self.dtype_policy = policy
        self.network, self.anchor_grid, self.assignment = network, grid, assignment
        self.anchors = grid.boxes()
        self._arguments = {
            "encoder": keras.saving.serialize_keras_object(encoder),
            "class_names": list(class_names),
            "scales_per_octave": scales_per_octave,
            "anchor_scale": anchor_scale,
            "head_layers": head_layers,
            "assignment": assignment,
            "resizing": resizing,
            "batch_norm_momentum": batch_norm_momentum,
        }
        prepare_for_training(self, batch_norm_momentum=batch_norm_momentum)

    def references(self, outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Give the anchors, [A, 4]: they are the same in every picture."""
        return tf.constant(self.anchors)

    def assign(self, boxes: tf.Tensor, classes: tf.Tensor, outputs: Mapping[str, tf.Tensor] | None = None) -> Targets:
        """Tell what each anchor is to find of boxes [B, M, 4] of classes [B, M]."""
        return self.network.assign(boxes, classes, *height_width(self.size), self.assignment)

    @property
    def left_out(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None:
        """As `Detector.left_out`, of ATSS."""
        return partial(left_out_by_atss, grid=self.anchor_grid) if self.assignment == "atss" else None

    @property
    def of_classes(self) -> list[keras.Variable]:
        """As `Detector.of_classes`."""
        return self.network.classification_head.prediction_layer.weights


def _network(
    encoder: keras.Model, shape: tuple, classes: int, grid: HubAnchorGrid, head_layers: int, policy: Any
) -> RankedRetinaNetObjectDetector:
    """Build KerasHub's detector, whose last convolutions compute in float32."""
    low, high = 3, 7
    pyramid = keras_hub.models.RetinaNetBackbone(
        encoder, min_level=low, max_level=high, use_p5=False, image_shape=shape, dtype=policy
    )
    anchors = keras_hub.layers.AnchorGenerator(
        "xyxy", low, high, grid.scales_per_octave, list(RATIOS), grid.anchor_scale
    )
    network = RankedRetinaNetObjectDetector(
        pyramid,
        num_classes=classes,
        bounding_box_format="xyxy",
        anchor_generator=anchors,
        pre_logits_num_conv_layers=head_layers,
        dtype=policy,
        compile=False,
    )
    network.label_encoder.box_variance = list(DELTAS.variances)
    for head in (network.classification_head, network.box_head):
        head.prediction_layer.dtype_policy = "float32"
    return network
