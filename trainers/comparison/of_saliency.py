"""What is particular to saliency in a comparison: F-measure, image IoU, and the control with scaled logits."""

import functools

import numpy as np

from ..data.example import IGNORE, Source
from ..metrics import FMeasureCurve, ImageIoU, LogitFMeasure, best_logit_scale
from ..metrics.logit_curve import LEVELS, ZERO
from ..tasks import saliency
from .tasks import ComparedTask
from .thumbnails import flat, thumbnail

HALF = 128
"""The number of the threshold 128/255, the first of the field's that is at least one half."""


def measure(model, config, source: Source, scales=(1.0,)) -> list[dict]:
    """Judge a model at the labels' own size, at each scale of its logits; every picture is predicted once.

    Returns:
        For each scale a measurement; its curves have the 256 thresholds of the field, but for `logit_f`, of which the
        thresholds are `scale` times `LEVELS`: scaled maps have those of the plain ones.
    """
    scored = [(scale, FMeasureCurve(beta2=config.beta2), ImageIoU(), []) for scale in scales]
    logit_f = LogitFMeasure(config.beta2)
    chosen = set(np.linspace(0, len(source) - 1, saliency.PICTURES).astype(int).tolist())
    for index, (example, plain) in enumerate(_maps(model, config, source)):
        logit_f.update(saliency.to_logits(plain), example.mask)
        for scale, f_measure, iou, pictures in scored:
            found = saliency.scale_logits(plain, scale)
            f_measure.update(found, example.mask)
            iou.update(found, example.mask)
            if index in chosen:
                pictures.append(_picture(example, found))
    return [
        {**_measurement(f_measure.result(), iou.result(), logit_f.result()), "scale": scale, "pictures": pictures}
        for scale, f_measure, iou, pictures in scored
    ]


def best_scale(model, config, selection: Source) -> tuple[float, dict[float, float]]:
    """Give the factor on the logits with the largest MeanF on the selection split, and the MeanF of each."""

    def pairs():
        for example, found in _maps(model, config, selection):
            yield saliency.to_logits(found), example.mask

    return best_logit_scale(pairs, beta2=config.beta2)


def derived(measurement: dict, selection: dict) -> dict[str, float]:
    """Give F at one half, which no data have to pick, and the image IoU there and where the selection has MaxF."""
    logit_f, iou = measurement["curves"]["logit_f"], measurement["curves"]["image_iou"]
    return {
        "f_half": logit_f[ZERO],
        "f_half_loss": max(logit_f) - logit_f[ZERO],
        "image_iou_half": iou[HALF],
        "image_iou_picked": iou[round(255 * selection["scalars"]["optimal_threshold"])],
    }


# Compiled once for the sets of a model, and let go of with the next one.
_predictor = functools.lru_cache(maxsize=1)(saliency.predictor)


def _maps(model, config, source):
    return saliency.predicted_maps(_predictor(model), source, config.size, config.batch_size, quiet=config.quiet)


def _measurement(result, iou: np.ndarray, logit_f: np.ndarray) -> dict:
    scalars = result.to_dict(curves=False)
    images = scalars.pop("images")
    low, high = scalars.pop("band")
    curves = {name: getattr(result, name).tolist() for name in ("precision", "recall", "f")}
    return {
        "scalars": {**scalars, "band_low": low, "band_high": high},
        "curves": {**curves, "image_iou": iou.tolist(), "logit_f": logit_f.tolist()},
        "images": images,
    }


def _picture(example, found: np.ndarray) -> dict[str, str]:
    grey = np.where(example.mask == IGNORE, 128, np.where(example.mask == 1, 255, 0)).astype(np.uint8)
    return {
        "name": example.name,
        "image": thumbnail(example.image),
        "truth": flat(grey),
        "found": thumbnail(np.rint(255 * found).astype(np.uint8)),
    }


COMPARED = ComparedTask(
    task=saliency.TASK,
    measure=measure,
    score_curve=lambda measurement: (measurement["scale"] * LEVELS, measurement["curves"]["logit_f"]),
    best_threshold="optimal_threshold",
    baseline="cross_entropy",
    best_scale=best_scale,
    derived=derived,
)
