"""A detector of two stages in an export: two networks with arithmetic between them, and what the first one proposes.

The networks, backbone with pyramid and first heads, and the head that looks at regions, are quantised; choosing
proposals and reading the maps at them is not. Imports TensorFlow.
"""

from collections.abc import Callable, Mapping

import keras
import numpy as np
import tensorflow as tf

from ...trainers.geometry import height_width
from ...trainers.models.detector.coding import DELTAS
from ...trainers.models.detector.pyramid import LEVELS
from ...trainers.models.detector.suppression import Suppression
from ...trainers.models.detector.two_stage.faster_rcnn import FasterRCNN
from ...trainers.models.detector.two_stage.proposals import (
    PROPOSAL_IOU,
    Proposed,
    candidate_count,
    is_region,
    outside,
    proposed,
    proposed_by_operator,
    ranked_proposals,
)
from ...trainers.models.detector.two_stage.roi_align import read_levels, roi_align
from ..formats.variant import Variant
from ..parity.boxes import Arrays, BoxAgreement
from ..parity.two_stages import BetweenStages, TwoStageAgreement
from ..signatures import PROPOSALS, Stages, Step, Tensors


def cut(model: FasterRCNN, tails: Mapping[str, Callable[..., Tensors]]) -> Stages:
    """Cut a model into its two networks and what lies between them, before tails that take what the whole one gives."""
    maps = LEVELS[: read_levels(model.size)]
    first = keras.Model(model.input, {name: model.output[name] for name in ("objectness", "proposal_box", *maps)})
    count = candidate_count(model.proposals, len(model.anchor_grid))

    def body(image: tf.Tensor) -> Tensors:
        found = first({"images": image}, training=False)
        return {name: tf.cast(part, tf.float32) for name, part in found.items()}

    def look(objectness: tf.Tensor, proposal_box: tf.Tensor, **pyramid: tf.Tensor) -> Tensors:
        ranked = ranked_proposals(objectness, proposal_box, model.anchor_grid, count)
        chosen = proposed_by_operator(ranked, model.proposals, model.size)
        bins = roi_align([pyramid[name] for name in maps], chosen.boxes)
        return {"references": chosen.boxes, "reference_logits": chosen.scores, "bins": bins}

    def head(bins: tf.Tensor) -> Tensors:
        logits, codes = model.classification_head(bins)
        return {"region_logits": logits, "region_codes": codes}

    def settle(references: tf.Tensor, region_logits: tf.Tensor, region_codes: tf.Tensor) -> Tensors:
        found = model.get_layer("second_stage")(references, region_logits, region_codes)
        return {"logits": found["classification"], "codes": found["box"]}

    def proposals(references: tf.Tensor, reference_logits: tf.Tensor, **_: tf.Tensor) -> Tensors:
        return _proposals(Proposed(references, reference_logits))

    steps = (
        Step(look, ("objectness", "proposal_box", *maps)),
        Step(head, ("bins",), network=True),
        Step(settle, ("references", "region_logits", "region_codes")),
    )
    return Stages(body, {**tails, PROPOSALS: proposals}, steps)


def _proposals(chosen: Proposed) -> Tensors:
    """Give proposals as the signature has them: what stands for none is 0."""
    there = is_region(chosen.boxes)
    return {
        "proposals": tf.where(there[..., None], chosen.boxes, 0.0),
        "objectness": tf.where(there, tf.sigmoid(chosen.scores), 0.0),
        "proposal_count": tf.reduce_sum(tf.cast(there, tf.int32), axis=1),
    }


def of_both_stages(behind: BoxAgreement, model: FasterRCNN, variant: Variant) -> TwoStageAgreement:
    """Have files compared in what they propose, too."""
    proposals = Suppression(iou=PROPOSAL_IOU, per_class=False)
    return TwoStageAgreement(behind, variant, proposals, candidate_count(model.proposals, len(model.anchor_grid)))


def between_stages(model: FasterRCNN, suppression: Suppression) -> Callable[[np.ndarray], BetweenStages]:
    """Give the function from pictures uint8 [B, h, w, 3] to what their proposals and boxes are compared with."""
    count, size = candidate_count(model.proposals, len(model.anchor_grid)), model.size
    maps = LEVELS[: read_levels(size)]

    def boxes_and_scores(found: Tensors) -> Tensors:
        return {
            "boxes": model.coder.decode(found["box"], model.references(found), size),
            "scores": tf.sigmoid(found["classification"]),
        }

    @tf.function(input_signature=[tf.TensorSpec((None, *height_width(size), 3), tf.uint8)], autograph=False)
    def first(images: tf.Tensor) -> dict[str, Tensors]:
        found = model(tf.cast(images, tf.float32), training=False)
        logits, codes = found["objectness"], found["proposal_box"]
        chosen = proposed(ranked_proposals(logits, codes, model.anchor_grid, count), model.proposals, size)
        return {
            "first": {"boxes": DELTAS.decode(codes, tf.constant(model.anchors), size), "scores": tf.sigmoid(logits)},
            "proposed": _proposals(chosen),
            "second": boxes_and_scores(found),
            "maps": {name: found[name] for name in maps},
        }

    @tf.function(autograph=False)
    def second(pyramid: Tensors, regions: tf.Tensor) -> tuple[Tensors, tuple[tf.Tensor, ...]]:
        regions = tf.where(is_region(regions)[..., None], regions, outside(size))
        bins = roi_align([pyramid[name] for name in maps], regions)
        found = {"references": regions} | model.get_layer("second_stage")(regions, *model.classification_head(bins))
        return boxes_and_scores(found), model.detections(found, calibration=None, suppression=suppression)

    def between(images: np.ndarray) -> BetweenStages:
        made = first(images)

        def at(regions: np.ndarray) -> tuple[Arrays, Arrays]:
            found, answer = second(made["maps"], regions)
            return _candidates(found), tuple(part.numpy() for part in answer)

        chosen = {name: part.numpy() for name, part in made["proposed"].items()}
        return BetweenStages(_candidates(made["first"]), chosen, _candidates(made["second"]), at)

    return between


def _candidates(found: Tensors) -> Arrays:
    return found["boxes"].numpy(), found["scores"].numpy()
