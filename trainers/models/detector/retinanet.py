"""RetinaNet on a KerasCV backbone, for raw 0-255 pictures."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from ...errors import UsageError
from ...geometry import InputSize
from ..backbones.builders import PREPROCESSING
from ..backbones.weights import load_backbone
from ..input_size import size_of
from .anchors import AnchorGrid
from .assignment import ASSIGNMENTS, left_out_by_atss
from .coding import DELTAS
from .matching import Targets
from .one_stage import OneStageDetector


def build_retinanet(
    backbone: str = "efficientnet_lite0",
    *,
    size: InputSize,
    class_names: Sequence[str],
    weights: str = "none",
    **more: Any,
) -> "RetinaNet":
    """Build a RetinaNet (Lin et al., Focal Loss for Dense Object Detection, ICCV 2017); see also `load_backbone`."""
    features = load_backbone(backbone, size, weights)
    more |= {"preprocessing": PREPROCESSING[backbone], "name": f"retinanet_{backbone}"}
    try:
        return RetinaNet(features, class_names=class_names, **more)
    except ValueError as error:
        raise UsageError(str(error)) from error


@keras.saving.register_keras_serializable(package="metricfit")
class RetinaNet(OneStageDetector):
    """Boxes from anchors, several at each location; see `OneStageDetector`.

    Scales and anchor_scale are as in `AnchorGrid`; the assignment is one of `ASSIGNMENTS`.
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
        if assignment not in ASSIGNMENTS:
            raise ValueError(f"unknown assignment {assignment}: choose one of {', '.join(ASSIGNMENTS)}")
        grid = AnchorGrid(size_of(backbone), scales_per_octave, anchor_scale)
        own = {"scales_per_octave": scales_per_octave, "anchor_scale": anchor_scale, "assignment": assignment}
        super().__init__(
            backbone, class_names=class_names, preprocessing=preprocessing, channels=channels, head_layers=head_layers,
            resizing=resizing, batch_norm_momentum=batch_norm_momentum, dtype=dtype, coder=DELTAS, starts=grid.boxes(),
            per_location=grid.per_location, own=own, **kwargs,
        )  # fmt: skip
        self.anchor_grid, self.assignment = grid, assignment

    def assign(self, boxes: tf.Tensor, classes: tf.Tensor, outputs: Mapping[str, tf.Tensor] | None = None) -> Targets:
        """Tell what each anchor is to find of boxes [B, M, 4] of classes [B, M]."""
        return ASSIGNMENTS[self.assignment](boxes, classes, self.anchor_grid)

    @property
    def left_out(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None:
        """As `Detector.left_out`, of ATSS; thresholds force an anchor for each object anyway."""
        return partial(left_out_by_atss, grid=self.anchor_grid) if self.assignment == "atss" else None
