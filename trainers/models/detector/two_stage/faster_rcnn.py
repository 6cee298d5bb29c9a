"""Faster R-CNN on a KerasCV backbone, for raw 0-255 pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from ..... import losses
from .....losses.base import AnchorLoss
from .....losses.pixelwise.anchor_cross_entropy import AnchorCrossEntropy, exclusive_log_odds
from .....losses.replicas import replica_count
from ....errors import UsageError
from ....geometry import InputSize
from ...backbones.builders import PREPROCESSING
from ...backbones.weights import load_backbone
from ...input_size import size_of
from ...precision import dtype_policy
from ...preparation import prepare_for_training
from ..anchors import AnchorGrid
from ..base import Detector, checked_names
from ..coding import DELTAS, BoxCoder
from ..loss import detector_loss
from ..matching import Targets
from ..pyramid import LEVELS, PRIOR, FeaturePyramid, PredictionHead, backbone_levels
from .head import RegionHead, without_absent
from .proposals import Proposals
from .regions import assign_anchors, assign_regions, objects_as_regions
from .roi_align import RoIAlign, read_levels, roi_align
from .sampling import ANCHORS, region_sample, sampled

RPN_WEIGHT = 0.2
"""Weight of the first stage's loss where both stages rank (Oksuz et al., NeurIPS 2020, section 5.4)."""
MEASURED = -1
"""The step whose sample is looked at wherever a loss is only measured: the same ones each time."""


def build_faster_rcnn(
    backbone: str = "efficientnet_lite0",
    *,
    size: InputSize,
    class_names: Sequence[str],
    weights: str = "none",
    **more: Any,
) -> "FasterRCNN":
    """Build a Faster R-CNN (Ren et al., TPAMI 2017) with a feature pyramid; see also `load_backbone`."""
    features = load_backbone(backbone, size, weights)
    more |= {"preprocessing": PREPROCESSING[backbone], "name": f"faster_rcnn_{backbone}"}
    try:
        return FasterRCNN(features, class_names=class_names, **more)
    except ValueError as error:
        raise UsageError(str(error)) from error


@keras.saving.register_keras_serializable(package="metricfit")
class FasterRCNN(Detector):
    """A feature pyramid on a KerasCV backbone, a head that proposes regions, and one that looks at each of them.

    Outputs besides those of `Detector`, whose A are the proposals here: "references" float32 [B, A, 4], the proposals;
    "objectness" float32 [B, N, 1] logits and "proposal_box" float32 [B, N, 4] codes of the N anchors; "class_logits"
    float32 [B, A, C] where the classes are `exclusive`, those of the softmax, of which "classification" has the
    log-odds; and the maps of the pyramid that regions are read on, "P3" and the next.

    Proposals is their number; region_units the width of the two layers that look at them; of classes that are
    `exclusive` a region has one at most, by a softmax over them and the background. The other arguments are as of
    `RetinaNet`.
    """

    stages = 2
    samples = True

    def __init__(
        self,
        backbone: keras.Model,
        *,
        class_names: Sequence[str],
        preprocessing: Sequence[Any] = (1.0, 0.0),
        scales_per_octave: int = 1,
        channels: int = 96,
        anchor_scale: float = 4.0,
        proposals: int = 256,
        region_units: int = 256,
        exclusive: bool = False,
        resizing: str = "pad",
        batch_norm_momentum: float = 0.95,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        counts = {"channels": (channels, 1), "proposals": (proposals, 1), "region_units": (region_units, 1)}
        class_names = checked_names(class_names, resizing, **counts)
        grid = AnchorGrid(size_of(backbone), scales_per_octave, anchor_scale)
        policy = keras.dtype_policies.get(dtype)
        first = {"channels": channels, "layers": 1, "shapes": grid.shapes, "dtype": policy}
        pyramid = FeaturePyramid(channels, dtype=policy, name="feature_pyramid")
        objectness_head = PredictionHead(grid.per_location, prior=PRIOR, name="objectness_head", **first)
        proposal_head = PredictionHead(grid.per_location * 4, name="proposal_head", **first)
        head = RegionHead(len(class_names), region_units, dtype=policy, name="classification_head")
        with dtype_policy("float32"):  # that of the outputs, in every precision
            levels = backbone_levels(backbone, preprocessing, policy)
            images = keras.Input(levels.input_shape[1:], name="images")
            maps = pyramid(levels(images))
            objectness = [keras.layers.Reshape((-1, 1))(objectness_head(level)) for level in maps]
            boxes = [keras.layers.Reshape((-1, 4))(proposal_head(level)) for level in maps]
            outputs = {
                "objectness": keras.layers.Concatenate(axis=1, name="objectness")(objectness),
                "proposal_box": keras.layers.Concatenate(axis=1, name="proposal_box")(boxes),
            }
            regions = Proposals(grid, proposals, name="references")(outputs["objectness"], outputs["proposal_box"])
            read = maps[: read_levels(grid.size)]
            second = head(RoIAlign(name="bins")(read, regions))
            outputs |= SecondStage(exclusive, name="second_stage")(regions, *second)
            outputs |= {"references": regions, **dict(zip(LEVELS, read))}
            told: dict[str, Any] = {"size": grid.size, "class_names": class_names, "resizing": resizing}
            super().__init__({"images": images}, outputs, **told, **kwargs)
        self.anchor_grid, self.anchors, self.proposals, self.exclusive = grid, grid.boxes(), proposals, exclusive
        self.rpn_box_weight = self.add_weight((), "ones", dtype="float32", trainable=False, name="rpn_box_weight")
        self._rpn_trackers: list[keras.metrics.Mean] | None = None
        self.dtype_policy = policy
        self.feature_pyramid, self.classification_head = pyramid, head
        self.objectness_head, self.proposal_head = objectness_head, proposal_head
        self._arguments = {
            # Only a backbone as a whole can be made again: KerasCV's layers cannot, one by one.
            "backbone": keras.saving.serialize_keras_object(backbone),
            "preprocessing": [list(part) if isinstance(part, list | tuple) else part for part in preprocessing],
            "class_names": list(class_names),
            "scales_per_octave": scales_per_octave,
            "channels": channels,
            "anchor_scale": anchor_scale,
            "proposals": proposals,
            "region_units": region_units,
            "exclusive": exclusive,
            "resizing": resizing,
            "batch_norm_momentum": batch_norm_momentum,
        }
        prepare_for_training(self, batch_norm_momentum=batch_norm_momentum)

    def compile(
        self,
        optimizer: str | keras.optimizers.Optimizer = "adam",
        loss: str | AnchorLoss = "alrp",
        *arguments: Any,
        rpn_weight: float | None = None,
        sampling_seed: int = 0,
        **more: Any,
    ) -> None:
        """Configure the training as `Detector.compile` does; both stages have the same loss, of the boxes, too.

        With `AnchorCrossEntropy` the second stage's is that of a softmax, and each stage looks at a sample of a
        picture's anchors, or regions, which follows from the seed and the step; other losses look at all of them. The
        first stage's loss, with a balance of its own, weighs rpn_weight: None takes `RPN_WEIGHT` where the loss ranks,
        and 1 elsewhere. A correlation is of the second stage's scores alone. ValueError where the loss does not fit a
        network whose classes are `exclusive`, or are not.
        """
        loss = losses.get(loss) if isinstance(loss, str) else loss
        samples = isinstance(loss, AnchorCrossEntropy)
        if samples != self.exclusive:
            raise ValueError(f"loss {getattr(loss, 'name', loss)} needs a network built with exclusive={samples}")
        if rpn_weight is not None and not 0 < rpn_weight < float("inf"):
            raise ValueError(f"rpn_weight must be above 0, got {rpn_weight}")
        super().compile(optimizer, loss, *arguments, **more)
        if rpn_weight is None:
            rpn_weight = RPN_WEIGHT if loss.ranks else 1.0
        self._first_loss = loss
        if samples:
            self._anchor_loss = type(loss)(**{**loss.hyperparameters, "exclusive": True})
        self._rpn_weight, self._sampling_seed = rpn_weight, sampling_seed
        self.rpn_box_weight.assign(self.box_weight)
        self.compile_arguments |= {"rpn_weight": rpn_weight, "sampling_seed": sampling_seed}
        if self._rpn_trackers is None:
            parts = ("classification", "localization")
            self._rpn_trackers = [keras.metrics.Mean(name=f"rpn_{part}_loss") for part in parts]

    @property
    def balances(self) -> dict[str, keras.Variable]:
        """As `Detector.balances`, with the first stage's."""
        return {**super().balances, "rpn_": self.rpn_box_weight}

    def references(self, outputs: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Give the proposals, [B, A, 4]."""
        return outputs["references"]

    def assign(self, boxes: tf.Tensor, classes: tf.Tensor, outputs: Mapping[str, tf.Tensor] | None = None) -> Targets:
        """Tell what each proposal is to find of boxes [B, M, 4] of classes [B, M]; ValueError without outputs."""
        if outputs is None:
            raise ValueError("what a proposal is to find depends on where it is: give the outputs")
        return assign_regions(boxes, classes, self.references(outputs))

    def second_stage(self, outputs: Mapping[str, tf.Tensor], regions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Compute logits [B, R, C], of the softmax where classes are exclusive, and codes [B, R, 4] of any regions."""
        features = [outputs[level] for level in LEVELS[: read_levels(self.size)]]
        return without_absent(regions, *self.classification_head(roi_align(features, regions)))

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
        total = super().compute_loss(x, y, y_pred, sample_weight, training, **kwargs)
        targets = assign_anchors(y["boxes"], y["classes"], self.anchor_grid)
        targets = self._sampled(targets, ANCHORS, 0, training)
        logits, codes = y_pred["objectness"], y_pred["proposal_box"]
        found = detector_loss(self._first_loss, self.box_loss, targets, logits, codes, tf.constant(self.anchors))
        for tracker, part in zip(self._rpn_trackers or (), found):
            tracker.update_state(part * replica_count(), sample_weight=tf.shape(y["boxes"])[0])
        return total + self._rpn_weight * (found[0] + self.rpn_box_weight * found[1])

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        """Take one step; the logs tell the weights that it was taken with."""
        weight = tf.identity(self.rpn_box_weight.value)
        return {**super().train_step(data), "rpn_box_weight": weight}

    def _found(
        self, y: Mapping[str, tf.Tensor], outputs: Mapping[str, tf.Tensor], training: bool
    ) -> tuple[Targets, tf.Tensor, tf.Tensor, tf.Tensor, BoxCoder]:
        """Bring together what the second stage's loss is told; the objects' own boxes are proposals, too."""
        own = objects_as_regions(y["boxes"], y["classes"], self.size)
        logits, codes = outputs.get("class_logits", outputs["classification"]), outputs["box"]
        of_objects = self.second_stage(outputs, own)
        regions = tf.concat([self.references(outputs), own], axis=1)
        targets = assign_regions(y["boxes"], y["classes"], regions)
        targets = self._sampled(targets, region_sample(self.proposals), 1, training)
        logits, codes = (tf.concat(both, axis=1) for both in zip((logits, codes), of_objects))
        return targets, logits, codes, regions, DELTAS

    def log_odds(self, logits: tf.Tensor) -> tf.Tensor:
        """As `Detector.log_odds`: of a softmax they are others."""
        return exclusive_log_odds(logits) if self.exclusive else logits

    def _sampled(self, targets: Targets, wanted: tuple[int, float], stage: int, training: bool) -> Targets:
        """Leave a sample of few, by the seed, the step and the stage, where the loss is of such a one."""
        if not self.exclusive:
            return targets
        step = tf.cast(tf.convert_to_tensor(self.optimizer.iterations), tf.int64) if training else MEASURED
        return sampled(targets, wanted, tf.stack([tf.constant(self._sampling_seed, tf.int64), 2 * step + stage]))


class SecondStage(keras.layers.Layer):
    """What is given of regions: log-odds of classes, codes, and of `exclusive` classes the logits of the softmax."""

    def __init__(self, exclusive: bool, **more: Any) -> None:
        super().__init__(dtype="float32", **more)
        self.exclusive = exclusive

    def call(self, regions: tf.Tensor, logits: tf.Tensor, codes: tf.Tensor) -> dict[str, tf.Tensor]:
        """Leave out what stands for no region."""
        logits, codes = without_absent(regions, logits, codes)
        if not self.exclusive:
            return {"classification": logits, "box": codes}
        return {"classification": exclusive_log_odds(logits), "box": codes, "class_logits": logits}
