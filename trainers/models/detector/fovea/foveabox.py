"""FoveaBox on a KerasCV backbone, for raw 0-255 pictures: boxes from places, without anchors."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import keras
import tensorflow as tf

from ....errors import UsageError
from ....geometry import InputSize
from ...backbones.builders import PREPROCESSING
from ...backbones.weights import load_backbone
from ...input_size import size_of
from ..coding import FOVEA
from ..matching import Targets
from ..one_stage import OneStageDetector
from .assignment import assign_by_fovea, left_out_by_fovea
from .places import PlaceGrid


def build_foveabox(
    backbone: str = "efficientnet_lite0",
    *,
    size: InputSize,
    class_names: Sequence[str],
    weights: str = "none",
    **more: Any,
) -> "FoveaBox":
    """Build a FoveaBox (Kong et al., Beyound Anchor-Based Object Detection, TIP 2020); see also `load_backbone`."""
    features = load_backbone(backbone, size, weights)
    more |= {"preprocessing": PREPROCESSING[backbone], "name": f"foveabox_{backbone}"}
    try:
        return FoveaBox(features, class_names=class_names, **more)
    except ValueError as error:
        raise UsageError(str(error)) from error


@keras.saving.register_keras_serializable(package="metricfit")
class FoveaBox(OneStageDetector):
    """A score of each class and a box at every place of a `PlaceGrid`; see `OneStageDetector`.

    Heads are normalised level by level, as those of `RetinaNet`, where the paper has none, and its authors' later
    networks normalise groups of channels.
    """

    def __init__(
        self,
        backbone: keras.Model,
        *,
        class_names: Sequence[str],
        preprocessing: Sequence[Any] = (1.0, 0.0),
        channels: int = 96,
        head_layers: int = 3,
        resizing: str = "pad",
        batch_norm_momentum: float = 0.95,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        grid = PlaceGrid(size_of(backbone))
        super().__init__(
            backbone, class_names=class_names, preprocessing=preprocessing, channels=channels, head_layers=head_layers,
            resizing=resizing, batch_norm_momentum=batch_norm_momentum, dtype=dtype, coder=FOVEA, starts=grid.boxes(),
            per_location=1, own={}, **kwargs,
        )  # fmt: skip
        self.place_grid = grid

    def assign(self, boxes: tf.Tensor, classes: tf.Tensor, outputs: Mapping[str, tf.Tensor] | None = None) -> Targets:
        """Tell what each place is to find of boxes [B, M, 4] of classes [B, M]."""
        return assign_by_fovea(boxes, classes, self.place_grid)

    @property
    def left_out(self) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None:
        """As `Detector.left_out`."""
        return partial(left_out_by_fovea, grid=self.place_grid)
