"""What is particular to segmentation in a comparison: three kinds of mIoU, and the IoU of each class; no thresholds."""

import numpy as np

from ..colours import class_palette
from ..data.example import IGNORE, Source
from ..tasks import segmentation
from .tasks import ComparedTask
from .thumbnails import flat, thumbnail

IGNORED = (158, 158, 158)


def measure(model, config, source: Source, scales=(1.0,)) -> list[dict]:
    """Judge a model at the labels' own size; scaling its logits would change no class, so there is one measurement."""
    report = segmentation.evaluate(model, source, batch_size=config.batch_size, label=config.loss, quiet=config.quiet)
    names = report.jaccard.class_names
    table = np.full((256, 3), IGNORED, np.uint8)
    table[: len(names)] = class_palette(names)
    table[IGNORE] = IGNORED
    pictures = [
        {"name": name, "image": thumbnail(image), "truth": flat(table[labels]), "found": flat(table[predicted])}
        for image, labels, predicted, name in report.pictures
    ]
    return [
        {
            "scalars": report.scalars,
            "classes": report.class_scalars,
            "images": report.jaccard.images,
            "palette": {name: "#{:02x}{:02x}{:02x}".format(*table[place]) for place, name in enumerate(names)},
            "pictures": pictures,
        }
    ]


COMPARED = ComparedTask(task=segmentation.TASK, measure=measure)
