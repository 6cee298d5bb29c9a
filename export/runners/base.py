"""What all runners share: one callable on raw pictures, whatever file it comes from. Imports no TensorFlow."""

import os
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np

from ...trainers.data.fit import fit_image
from ...trainers.errors import DataError, MetricfitError, UsageError
from ...trainers.geometry import InputSize, height_width, size_text
from ...trainers.models.detector.suppression import Suppression
from ..calibration_entry import fitted_of
from ..card import ModelCard
from ..signatures import SIGNATURE
from ..tasks.base import Answer, ExportTask, Facts


class Runner(ABC):
    """A model from pictures to results, for any number of threads; its run or itself says what no card does.

    Attributes:
        kind: `keras`, or that of its format.
        task: name of its task, such as `saliency`.
        size: of the input, in pixels: the side of a square, or (height, width).
        class_names: by index; empty where nothing says them.
        palette: one RGB triple in 0..255 per class; empty where nothing says them.
        resizing: how a picture gets that size, see `fit`: `stretch` or `pad`.
        threshold: where to cut its scores: the card's or the run's best threshold, else 0.5.
        thresholds: the best threshold of each class by index; empty where one serves all.
        fitted: how its scores are calibrated, as card or run say; None where they are as the network gives them.
        promise: what its threshold was promised to keep, such as `recall >= 0.9 @ 0.95`; empty where nothing was.
        threshold_origin: where they come from: `card`, `run`, or `default` where neither names one.
        suppression: how a detector thins out its boxes; None for other tasks.
        threads: CPU threads of a .tflite file; None for others.
        trusted: whether it may hold code; a .tflite file never does.
    """

    kind: str
    promise: str = ""
    threads: int | None = None
    trusted: bool = False
    forks: ClassVar[bool] = False  # whether it goes on in a process forked from the one that loaded it

    def __init__(
        self,
        task: ExportTask,
        path: str | Path,
        size: InputSize,
        card: ModelCard | None = None,
        facts: Facts | None = None,
    ):
        self.path, self.size, self.card = Path(path), size, card
        self._process = os.getpid()
        self._task, self.task = task, task.name
        if card and card.task != task.name:
            raise DataError(
                f"the card of {path} says {card.task}, the model is for {task.name}: export the model again"
            )
        if card and card.input_size != size:
            raise DataError(
                f"the card of {path} says input_size {size_text(card.input_size)}, the model takes "
                f"{size_text(size)}: export the model again"
            )
        if card:
            of_file = card.files.get(self.path.name)
            thresholds = of_file["thresholds"] if of_file else card.thresholds
            fitted = fitted_of(of_file["calibration"] if of_file else card.calibration, len(card.class_names))
            per_class, optimal = tuple(map(float, thresholds["per_class"])), float(thresholds["optimal"])
            if of_file and of_file["guarantee"]["promise"]:
                self.promise = of_file["guarantee"]["promise"]
                per_class, optimal = (), float(of_file["guarantee"]["threshold"])
            facts = Facts(card.class_names, card.palette, card.resizing, optimal, per_class, fitted)
        self.suppression = task.suppression
        if card and card.suppression:
            self.suppression = Suppression.from_dict(card.suppression)
        facts = facts or task.facts
        self.class_names, self.palette, self.resizing = facts.class_names, facts.palette, facts.resizing
        self.threshold = 0.5 if facts.threshold is None else facts.threshold
        self.thresholds, self.fitted = facts.per_class, facts.fitted
        self.threshold_origin = "card" if card else "default" if facts.threshold is None else "run"

    def fit(self, image: np.ndarray, size: tuple[int, int] | None = None) -> np.ndarray:
        """Bring a picture to the model's input as training did: uint8 [H, W, 3] to uint8 [h, w, 3].

        Of one that was read smaller, `size` is its own (height, width).
        """
        return fit_image(image, self.size, self.resizing, size)

    def __call__(self, images: np.ndarray) -> Answer:
        """Find what is in pictures.

        Args:
            images: uint8 [B, h, w, 3], RGB.

        Returns:
            For saliency float32 [B, h, w] in [0, 1]. For segmentation the classes' probabilities float32 [B, h, w, C].
            For detection boxes float32 [B, K, 4] as (x0, y0, x1, y1) in pixels of the input, scores float32 [B, K] in
            falling order, classes int32 [B, K], and count int32 [B], how many of the K are boxes.

        Raises:
            UsageError: images of another shape or type.
            MetricfitError: TensorFlow has it, and this process was forked from the one that loaded it.
        """
        if not self.forks and self._process != os.getpid():
            raise MetricfitError(
                f"{self.path} was loaded before this process was forked, and TensorFlow does not run in a fork: load "
                "it in each process, start them by multiprocessing's 'spawn', or take a .tflite file"
            )
        images = np.asarray(images)
        height, width = height_width(self.size)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != (height, width, 3):
            raise UsageError(f"images must be uint8 [B, {height}, {width}, 3], got {images.dtype} {list(images.shape)}")
        if not len(images):
            one = self._run(np.zeros((1, height, width, 3), np.uint8))
            return self._task.finish({name: found[:0] for name, found in one.items()})
        return self._task.finish(self._run(images))

    def outputs(self, images: np.ndarray, signature: str) -> dict[str, np.ndarray]:
        """Run one of the file's signatures, such as `labels`, on what it takes; gives its outputs by name."""
        return self._run(np.asarray(images), signature)

    def latency_ms(self, image: np.ndarray, *, repeats: int = 30, seconds: float = 3.0) -> float:
        """Median time for one picture uint8 [h, w, 3], in milliseconds, after three runs that do not count."""
        times: list[float] = []
        for _ in range(3):
            self(image[None])
        started = time.perf_counter()
        while len(times) < repeats and (not times or time.perf_counter() - started < seconds):
            before = time.perf_counter()
            self(image[None])
            times.append(time.perf_counter() - before)
        return float(np.median(times) * 1e3)

    @abstractmethod
    def _run(self, images: np.ndarray, signature: str = SIGNATURE) -> dict[str, np.ndarray]:
        """Run the model on checked pictures; gives the signature's outputs by name."""
