"""F-measure over 256 thresholds, mean absolute error and threshold stability, streamed image by image in NumPy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np

from ..errors import MetricfitError
from ..geometry import IGNORE
from .exact_sums import ExactSum
from .histogram import curves, f_measure, histograms, published, threshold_codes
from .resampling import weighted_sums
from .streaming import Streaming
from .threshold_band import band_around

AVERAGES, PROTOCOLS = ("curves", "images"), ("raw", "published")
UNDECIDED = (0.05, 0.95)  # a prediction is polarised when it lies outside of this interval


@dataclass(frozen=True, eq=False)
class FMeasureResult:
    """What a set of saliency maps scores; the catalogue explains the scalars."""

    max_f: float
    mean_f: float
    mae: float
    optimal_threshold: float
    mean_to_max: float
    band: tuple[float, float]  # the contiguous thresholds around the optimal one with F >= 0.99 MaxF
    band_width: float
    polarisation: float
    precision: np.ndarray  # float64 [256] by threshold, as the other curves
    recall: np.ndarray
    f: np.ndarray
    images: int

    @classmethod
    def from_curves(
        cls, precision: np.ndarray, recall: np.ndarray, f: np.ndarray, *, mae: float, polarisation: float, images: int
    ) -> Self:
        """Derive the scalars from the three curves [256]."""
        best = int(np.argmax(f))
        max_f, mean_f = float(f[best]), float(np.mean(f))
        low, high = band_around(f, best)
        # Bin numbers are divided as Python floats: compared with float32 predictions they equal THRESHOLDS.
        return cls(
            max_f=max_f,
            mean_f=mean_f,
            mae=float(mae),
            optimal_threshold=best / 255,
            mean_to_max=mean_f / max_f if max_f > 0 else 0.0,
            band=(low / 255, high / 255),
            band_width=(high - low) / 255,
            polarisation=float(polarisation),
            precision=np.asarray(precision, np.float64),
            recall=np.asarray(recall, np.float64),
            f=np.asarray(f, np.float64),
            images=int(images),
        )

    def to_dict(self, *, curves: bool = True) -> dict[str, Any]:
        """Give plain numbers and lists for JSON."""
        entries = {**vars(self), "band": list(self.band)}
        arrays = {key: entries.pop(key).tolist() for key in ("precision", "recall", "f")}
        return entries | (arrays if curves else {})


def check_options(beta2: float, average: str, protocol: str) -> None:
    """Refuse options of the F-measure that are out of range."""
    if not beta2 > 0:
        raise ValueError(f"beta2 must be positive, got {beta2}")
    for name, value, choices in (("average", average, AVERAGES), ("protocol", protocol, PROTOCOLS)):
        if value not in choices:
            raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")


@dataclass(frozen=True, eq=False)
class MapCounts:
    """What a map adds to every `FMeasureCurve` of one protocol: counted once where several take it in."""

    pixels: int  # that count
    background: np.ndarray  # float64 [256], pixels by bin
    salient: np.ndarray
    error: float  # mean absolute
    decided: float  # share that is polarised
    codes: np.ndarray  # uint8 [H, W], the bin of each pixel

    @classmethod
    def of(cls, saliency: np.ndarray, mask: np.ndarray, protocol: str) -> Self:
        """Count a map; arguments and errors as in `FMeasureCurve.update`."""
        saliency, mask = np.asarray(saliency), _as_mask(mask)
        if saliency.dtype == np.float16:
            saliency = saliency.astype(np.float32)
        if saliency.ndim != 2 or saliency.shape != mask.shape:
            raise ValueError(f"saliency and mask must share one shape [H, W], got {saliency.shape} and {mask.shape}")
        if saliency.dtype != np.uint8 and not (saliency.min() >= 0 and saliency.max() <= 1):
            raise ValueError(f"saliency must lie in [0, 1], got [{saliency.min()}, {saliency.max()}]")
        if protocol == "published":
            saliency, codes = published(saliency)
        elif saliency.dtype == np.uint8:
            saliency, codes = saliency / np.float32(255), saliency
        else:
            saliency = np.asarray(saliency, np.float32)
            codes = threshold_codes(saliency)
        background, salient = histograms(codes, mask)
        pixels = int(background.sum() + salient.sum())
        if pixels == 0:
            return cls(0, background, salient, 0.0, 0.0, codes)
        decided = (saliency < UNDECIDED[0]) | (saliency > UNDECIDED[1])
        valid = None
        if pixels < mask.size:
            valid = (mask != IGNORE).view(np.uint8)
            decided &= valid.view(bool)
        error = cv2.norm(saliency, mask.astype(saliency.dtype), cv2.NORM_L1, valid) / pixels
        return cls(pixels, background, salient, error, np.count_nonzero(decided) / pixels, codes)


class FMeasureCurve(Streaming):
    """Accumulates saliency maps one by one; ValueError for an option out of range.

    An image without salient pixels counts, with precision = recall = F = 0; one of ignored pixels only does not.

    Args:
        beta2: weight of precision against recall, beta squared; the field takes 0.3.
        average: "curves" averages precision and recall over the images at each threshold, then takes F (as in the FLoss
            paper); "images" averages the F of each image, as newer toolboxes do.
        protocol: "raw" scores the map as it is; "published" first stretches it to [0, 1] by its own extremes and cuts
            it to 8 bits, as published toolboxes do.
    """

    _settings = ("beta2", "average", "protocol")
    _sums = ("images", "_curves", "_error", "_polarised")

    def __init__(self, beta2: float = 0.3, average: str = "curves", protocol: str = "raw"):
        check_options(beta2, average, protocol)
        self.beta2, self.average, self.protocol = beta2, average, protocol
        self.images, self._curves = 0, ExactSum((3, 256))
        self._error, self._polarised = ExactSum(), ExactSum()

    def update(self, saliency: np.ndarray, mask: np.ndarray) -> None:
        """Score one map [H, W], float in [0, 1] or uint8, by a mask of 0, 1 and 255 (ignore); ValueError for others."""
        self.add(MapCounts.of(saliency, mask, self.protocol))

    def add(self, counts: MapCounts) -> None:
        """Score one map by its counts, of this protocol."""
        if counts.pixels == 0:
            return
        self.images += 1
        self._curves.add(curves(counts.background, counts.salient, self.beta2))
        self._error.add(counts.error)
        self._polarised.add(counts.decided)

    def result(self) -> FMeasureResult:
        """Give the `FMeasureResult` of all maps so far; MetricfitError without one."""
        if self.images == 0:
            raise MetricfitError("the F-measure needs an image with labelled pixels, got none: check the masks")
        precision, recall, f = self._curves.value / self.images
        if self.average == "curves":
            f = f_measure(precision, recall, self.beta2)
        mae, polarisation = (float(total.value / self.images) for total in (self._error, self._polarised))
        return FMeasureResult.from_curves(precision, recall, f, mae=mae, polarisation=polarisation, images=self.images)

    @staticmethod
    def resampled(pictures: "Sequence[FMeasureCurve]") -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """Give what gives MaxF, MeanF and MAE of sets with each of the pictures so often, as `Judge.resampled`."""
        images, errors = (np.array(column) for column in zip(*((one.images, one._error.value) for one in pictures)))
        curves = np.stack([one._curves.value for one in pictures])

        def figures(counts: np.ndarray) -> dict[str, np.ndarray]:
            drawn = weighted_sums(counts, images)
            precision, recall, f = (weighted_sums(counts, curves) / drawn[:, None, None]).swapaxes(0, 1)
            if pictures[0].average == "curves":
                f = f_measure(precision, recall, pictures[0].beta2)
            return {"max_f": f.max(axis=1), "mean_f": f.mean(axis=1), "mae": weighted_sums(counts, errors) / drawn}

        return figures


def _as_mask(mask: np.ndarray) -> np.ndarray:
    """Give a mask as uint8, refusing what would wrap around."""
    mask = np.asarray(mask)
    if mask.dtype in (np.uint8, bool):
        return mask.view(np.uint8)
    if mask.size and not (mask.min() >= 0 and mask.max() <= 255):
        raise ValueError(f"mask must lie in 0 to 255, got {mask.min()} to {mask.max()}")
    if np.issubdtype(mask.dtype, np.floating) and np.any(mask != np.floor(mask)):
        raise ValueError("mask must hold whole numbers: 0 background, 1 salient, 255 ignore")
    return mask.astype(np.uint8)
