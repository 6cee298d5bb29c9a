"""Detection in an export: boxes out, decoding and suppression inside."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Self

import numpy as np

from ...trainers.calibration.held_out import Fitted
from ...trainers.geometry import InputSize, box_areas, height_width, input_size
from ...trainers.models.detector.suppression import USUAL, Suppression
from ..formats.variant import Variant
from ..parity.agreement import Agreement
from ..signatures import SIGNATURE, KerasModel, Stages, Tensors
from .base import SAME_SCORE, ExportTask, Facts, Frame, figure, pictures_size

SHOWN = "shown"
_SAME_PLACE = 0.05  # pixels of the picture by which what one network gives may differ
_HEADS = {"classification": "logits", "box": "codes", "references": "references"}  # of a model; not all have the last
_KINDS = {"boxes": np.float32, "scores": np.float32, "classes": np.int32, "count": np.int32}


class DetectionExport(ExportTask):
    """Detection; see `ExportTask`."""

    name = "detection"
    outputs: ClassVar = {
        "boxes": "[B, K, 4], (x0, y0, x1, y1) in pixels of the S x S input, x1 and y1 exclusive",
        "scores": "[B, K], 0 to 1, in falling order",
        "classes": "[B, K], index into the card's class_names",
        "count": "[B], how many of the K are boxes; behind them boxes and scores are 0 and classes -1",
    }
    pictures: ClassVar = {
        "boxes": "[B, K, 4], (x0, y0, x1, y1) in pixels of the picture, x1 and y1 exclusive",
        "scores": "[B, K], 0 to 1, in falling order",
        "classes": "[B, K], index into the card's class_names",
        "count": "[B], how many of the K are boxes; behind them boxes and scores are 0 and classes -1",
        SHOWN: "[B, K], whether a box's score reaches the card's threshold of its class in this file",
    }
    encoded: ClassVar = pictures
    calibrates = True
    main = ("ap", "ap50", "olrp")
    batch_size = 8
    form = "boxes [B, K, 4], scores [B, K], classes [B, K] and count [B]"
    facts = Facts(resizing="pad")  # as detectors are trained by default
    suppression: Suppression = USUAL
    measures = (figure("ap"), figure("ap50"), figure("olrp"))
    agreements = (
        figure("ap_difference", "parity", "+.4f"),
        ("score difference", lambda entry: _difference(entry, "score")),
        ("box difference", lambda entry: f"{_difference(entry, 'box')} px"),
    )
    columns = (
        *("ap", "ap50", "olrp", "ap_difference"),
        *("largest_score_difference", "largest_box_difference", "mean_score_difference", "mean_box_difference"),
    )

    def suppressing(self, suppression: Suppression | None) -> Self:
        """As `ExportTask.suppressing`."""
        told = copy.copy(self)
        told.suppression = suppression or USUAL
        return told

    def find_size(self, image: list, outputs: Mapping[str, list]) -> InputSize | None:
        """Look for the four outputs."""
        fits = set(outputs) == set(self.outputs) and len(outputs["boxes"]) == 3 and outputs["boxes"][2] == 4
        return pictures_size(image) if fits else None

    def keras_size(self, model: KerasModel) -> InputSize | None:
        """Look for what a detector knows about itself."""
        needed = ("size", "class_names", "resizing", "coder")
        return input_size(model.size) if all(hasattr(model, name) for name in needed) else None

    def keras_facts(self, model: KerasModel) -> Facts:
        """Ask the model for names and resizing."""
        from ...trainers.colours import class_colours

        palette = tuple(map(tuple, class_colours(len(model.class_names)).tolist()))
        return Facts(tuple(model.class_names), palette, model.resizing)

    def run_facts(self, facts: Facts, metrics: dict[str, Any]) -> Facts:
        """Add the threshold of the best F1, each class's at its optimal LRP, and the calibration that they are of."""
        optimal = metrics.get("scalars", {}).get("f1_threshold")
        if optimal is None:
            return facts
        classes = metrics.get("classes", {})
        per_class = tuple(float(classes.get(name, {}).get("threshold", optimal)) for name in facts.class_names)
        told = metrics.get("score_calibration")
        fitted = None if told is None else Fitted.from_dict(told)
        if fitted and len(fitted.calibration.curves) != len(facts.class_names):
            raise ValueError(f"{len(fitted.calibration.curves)} curves for {len(facts.class_names)} classes")
        return replace(facts, threshold=float(optimal), per_class=per_class, fitted=fitted)

    def stages(self, model: KerasModel) -> Stages:
        """Give the heads' raw outputs apart from what makes boxes of them; of two stages, apart from each other."""
        whole = self.whole(model)
        if model.stages == 1:
            return whole
        from .two_stage import cut

        return cut(model, whole.tails)

    def whole(self, model: KerasModel) -> Stages:
        """As `ExportTask.whole`."""
        import tensorflow as tf

        calibration = model.calibration  # as it is now: a function may be traced later

        def heads(image: tf.Tensor) -> Tensors:
            found = model(image, training=False)
            return {new: tf.cast(found[name], tf.float32) for name, new in _HEADS.items() if name in found}

        def finish(**tensors: tf.Tensor) -> Tensors:
            raw = _outputs(tensors)
            found = model.detections(raw, calibration=calibration, suppression=self.suppression)
            return dict(zip(self.outputs, found))

        return Stages(heads, {SIGNATURE: finish})

    def restore(self, found: Tensors, frame: Frame, thresholds: Any) -> Tensors:
        """Bring the boxes into the picture, without those that lie in the padding alone."""
        import tensorflow as tf

        from ..serving.resizing import unfit_boxes

        boxes = unfit_boxes(found["boxes"], frame)
        areas = tf.reduce_prod(boxes[..., 2:] - boxes[..., :2], axis=-1)
        counted = tf.range(tf.shape(boxes)[1]) < found["count"][:, None]
        inside = counted & (areas > 0)
        order = tf.argsort(tf.cast(~inside, tf.int32), axis=1, stable=True)
        boxes, scores, classes = (
            tf.gather(part, order, batch_dims=1) for part in (boxes, found["scores"], found["classes"])
        )
        count = tf.reduce_sum(tf.cast(inside, tf.int32), axis=1)
        kept = tf.range(tf.shape(boxes)[1]) < count[:, None]
        shown = kept & (scores >= tf.gather(thresholds, tf.maximum(classes, 0)))
        boxes, scores = tf.where(kept[..., None], boxes, 0.0), tf.where(kept, scores, 0.0)
        return {"boxes": boxes, "scores": scores, "classes": tf.where(kept, classes, -1), "count": count, SHOWN: shown}

    def carried(self, restored: Tensors) -> Tensors:
        """As they are: they have the same shape whatever the picture's."""
        return {name: part[0] for name, part in restored.items()}

    def departure(self, found: Mapping[str, np.ndarray], expected: Any, thresholds: np.ndarray) -> str:
        """Compare box by box: they come from the same network, in the same order."""
        boxes, scores, classes = expected
        inside = box_areas(boxes) > 0
        count = int(found["count"])
        if count != inside.sum() or not np.array_equal(found["classes"][:count], classes[inside]):
            return f"has {count} boxes where {inside.sum()} are to be, or others"
        off = np.abs(found["boxes"][:count] - boxes[inside]).max(initial=0)
        if off > _SAME_PLACE or np.abs(found["scores"][:count] - scores[inside]).max(initial=0) > SAME_SCORE:
            return f"has boxes that are up to {off:.3g} pixels off, or their scores"
        fits = np.array_equal(found[SHOWN][:count], found["scores"][:count] >= thresholds[found["classes"][:count]])
        return "" if fits and not found[SHOWN][count:].any() else "does not tell which boxes reach their threshold"

    def finish(self, outputs: dict[str, np.ndarray]) -> tuple[np.ndarray, ...]:
        """Give boxes, scores, classes and count."""
        return tuple(outputs[name].astype(kind, copy=False) for name, kind in _KINDS.items())

    def leave_room(self, model: KerasModel) -> np.ndarray:
        """See `calibration.in_graph.as_written`."""
        from ...trainers.calibration.in_graph import as_written

        model.calibration = as_written(len(model.class_names))
        return model.calibration

    def calibration_numbers(self, fitted: Fitted) -> np.ndarray:
        """See `calibration.in_graph.table`."""
        from ...trainers.calibration.in_graph import table

        return table(fitted.calibration)

    def agreement(self, model: KerasModel, variant: Variant) -> Agreement:
        """Compare box by box; of two stages each."""
        from ..parity.boxes import BoxAgreement
        from ..parity.soft_boxes import SoftBoxAgreement

        agreement = (BoxAgreement if self.suppression.is_hard else SoftBoxAgreement)(self.suppression)
        if model.stages == 1:
            return agreement
        from .two_stage import of_both_stages

        return of_both_stages(agreement, model, variant)

    def candidates(self, model: KerasModel) -> Callable[[np.ndarray], Any]:
        """Give all boxes, float32 [B, A, 4] in pixels and cut at the edges, and scores [B, A, C] before any choice.

        Of two stages, `BetweenStages`.
        """
        import tensorflow as tf

        if model.stages > 1:
            from .two_stage import between_stages

            return between_stages(model, self.suppression)
        heads = self.whole(model).body

        @tf.function(input_signature=[tf.TensorSpec((None, *height_width(model.size), 3), tf.uint8)], autograph=False)
        def all_boxes(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            found = _outputs(heads(tf.cast(images, tf.float32)))
            boxes = model.coder.decode(found["box"], model.references(found), model.size)
            return boxes, tf.sigmoid(found["classification"])

        return lambda images: tuple(part.numpy() for part in all_boxes(images))

    def figures(self, scalars: Mapping[str, float]) -> dict[str, float]:
        """Give the figures without the thresholds."""
        thresholds = ("f1_threshold", "lrp_threshold", "band_low", "band_high", "lrp_band_low", "lrp_band_high")
        return {name: float(value) for name, value in scalars.items() if name not in thresholds}


def _outputs(tensors: Tensors) -> Tensors:
    """Give what the body of an export makes under the names that its model has for it."""
    return {name: tensors[new] for name, new in _HEADS.items() if new in tensors}


def _difference(entry: Mapping[str, Any], of: str) -> str:
    kind = "largest" if f"largest_{of}_difference" in entry["parity"] else "mean"
    return f"{kind} {entry['parity'][f'{kind}_{of}_difference']:.1e}"
