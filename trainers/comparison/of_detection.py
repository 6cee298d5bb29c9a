"""What is particular to detection in a comparison: AP, oLRP, F1 and LRP over the threshold, balanced gradients."""

from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from ..colours import class_palette
from ..data.example import Source
from ..tasks import detection
from .tasks import ComparedTask
from .thumbnails import SIDE, thumbnail

WATCHED = ("gradient_balance", "rank_correlation")
"""What `RankingWatch` writes for TensorBoard after each epoch."""


def measure(model, config, source: Source, scales=(1.0,)) -> list[dict]:
    """Judge a detector at the pictures' own sizes; scaling its logits would change no order: there is one measurement.

    Its curves have the thresholds {0..255}/255 and quantiles of the scores, most of them among the surest boxes.
    """
    report = detection.evaluate(model, source, batch_size=config.batch_size, label=config.loss, quiet=config.quiet)
    thresholds = np.where(np.isnan(report.lrp.class_threshold), np.inf, report.lrp.class_threshold)
    colours = class_palette(report.class_names).tolist()
    pictures = []
    for image, truth, found, name in report.pictures:
        shown = found.scores >= thresholds[found.classes]
        pictures.append(
            {
                "name": name,
                "image": thumbnail(image),
                "truth": thumbnail(_drawn(image, truth.boxes, truth.classes, colours)),
                "found": thumbnail(_drawn(image, found.boxes[shown], found.classes[shown], colours)),
            }
        )
    return [
        {
            "scalars": report.scalars,
            "classes": report.class_scalars,
            "curves": {name: report.lrp.curves[name] for name in ("thresholds", "f1_curve", "lrp_curve")},
            "images": report.coco.images,
            "palette": {
                name: "#{:02x}{:02x}{:02x}".format(*colour) for name, colour in zip(report.class_names, colours)
            },
            "pictures": pictures,
        }
    ]


def watched(folder: Path) -> dict[str, list[float]]:
    """Read what `RankingWatch` wrote, by name over the epochs; epochs where it is undefined are left out."""
    found = {name: {} for name in WATCHED}
    for file in sorted((folder / "tensorboard/ranking").glob("events.out.tfevents.*")):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                if value.tag in found:
                    # A continued run writes another file, which may begin before the end of the first.
                    found[value.tag][event.step] = float(tf.make_ndarray(value.tensor))
    return {name: [values[step] for step in sorted(values)] for name, values in found.items() if values}


def _drawn(image: np.ndarray, boxes: np.ndarray, classes: np.ndarray, colours: list) -> np.ndarray:
    """Frame boxes in the colour of their class, in lines that a thumbnail still shows."""
    drawn = np.ascontiguousarray(image).copy()
    width = max(1, round(2 * max(image.shape[:2]) / SIDE))
    for box, kind in zip(np.rint(boxes).astype(int).tolist(), classes):
        cv2.rectangle(drawn, box[:2], box[2:], colours[kind], width)
    return drawn


COMPARED = ComparedTask(
    task=detection.TASK,
    measure=measure,
    score_curve=lambda measurement: (measurement["curves"]["thresholds"], measurement["curves"]["f1_curve"]),
    best_threshold="f1_threshold",
    watched=watched,
)
