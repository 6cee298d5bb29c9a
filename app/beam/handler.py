"""A model in a pipeline of one's own: `pictures | RunInference(PictureHandler("exports/photos"))`. Needs `beam`."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from apache_beam.ml.inference.base import ModelHandler, PredictionResult

from ..predictor import Predictor, load_predictor


class PictureHandler(ModelHandler[str | Path | np.ndarray, PredictionResult, Predictor]):
    """Finds what is in pictures: files, or uint8 [H, W, 3], RGB, of any size.

    Any model file will do: .tflite, and SavedModel or .keras of Keras 3, over which Beam's own handler stumbles.
    What `PredictionResult.inference` holds is a `SaliencyMap`, `ClassMap` or `Detections`. A picture that cannot be
    read raises a DataError: with `RunInference(...).with_exception_handling()` the others go on.

    Args:
        model: as for `metricfit.load`; its path must lead to it on every worker.
        threshold: where results are cut, in [0, 1]; None takes the model's best one.
        threads: CPU threads of a .tflite file on each worker.
        trust: load a SavedModel or .keras file even where it holds code.
    """

    def __init__(
        self, model: str | Path, *, threshold: float | None = None, threads: int | None = 1, trust: bool = False
    ):
        super().__init__()
        self._model, self._settings = str(model), {"threshold": threshold, "threads": threads, "trust": trust}

    def load_model(self) -> Predictor:
        """Load the model, once a worker process."""
        return load_predictor(self._model, **self._settings)  # type: ignore[arg-type]

    def run_inference(
        self,
        batch: Sequence[str | Path | np.ndarray],
        model: Predictor,
        inference_args: dict[str, Any] | None = None,
    ) -> Iterator[PredictionResult]:
        """Find what is in each picture of a batch."""
        return (PredictionResult(picture, model(picture)) for picture in batch)

    def batch_elements_kwargs(self) -> dict[str, Any]:
        """Hand on picture by picture: one that is bad would take its whole batch along."""
        return {"max_batch_size": 1}

    def get_metrics_namespace(self) -> str:
        """Name the metrics that Beam keeps of it."""
        return "metricfit"
