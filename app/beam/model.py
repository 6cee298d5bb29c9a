"""The model on a worker: loaded once a process, and the very one that the launching process has."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from ...trainers.calibration.curves import Calibration
from ...trainers.errors import DataError, MetricfitError
from ...trainers.files import digest
from ...trainers.judge.tiles import Tiling
from ...trainers.models.detector.suppression import Suppression
from ..predictor import Predictor, load_predictor, shipped_models

OpenedT = TypeVar("OpenedT")


@dataclass(frozen=True)
class WorkersModel:
    """What a worker needs to have the same model; a shipped one goes by its name, as it may lie elsewhere there."""

    path: str
    sha256: str
    version: str  # of this package
    threads: int = 1
    trust: bool = False
    suppression: Suppression | None = None  # of a Keras detector
    tiling: Tiling | None = None
    calibration: Calibration | None = None  # of its scores: that of a run lies beside the model

    @classmethod
    def of(cls, predictor: Predictor, named: str | Path, *, threads: int | None = None) -> Self:
        """Describe a loaded model that was `named` so. Workers compute at the same time: each takes one thread."""
        from metricfit import __version__

        path = predictor.runner.path.resolve()
        shipped = not Path(named).exists() and str(named) in shipped_models()
        place = str(named) if shipped else str(path)
        told = predictor.runner.trusted, predictor.suppression, predictor.tiling, _calibration_of(predictor)
        return cls(place, digest(path)[1], __version__, threads or 1, *told)

    def load(self) -> Predictor:
        """Load it; DataError where another file lies there, MetricfitError in another version of this package."""
        from metricfit import __version__

        if self.version != __version__:
            raise MetricfitError(
                f"a worker has metricfit {__version__}, the launching process {self.version}: install the same on all"
            )
        predictor = load_predictor(
            self.path, threads=self.threads, trust=self.trust, suppression=self.suppression, tiling=self.tiling
        )
        if digest(predictor.runner.path.resolve())[1] != self.sha256:
            raise DataError(f"the model at {self.path} is another file on a worker: bring the same one to all of them")
        if _calibration_of(predictor) != self.calibration:
            raise DataError(
                f"the calibration of the model at {self.path} is another one on a worker: bring the whole folder to all"
            )
        return predictor


def _calibration_of(predictor: Predictor) -> Calibration | None:
    fitted = predictor.runner.fitted
    return fitted.calibration if fitted else None


_kept: list[tuple[Any, Any]] = []
_lock = threading.Lock()


def once(work: Any, opened: Callable[[], OpenedT]) -> OpenedT:
    """Give what this process has opened for some work, opening it where it has not; that of the work before goes."""
    with _lock:
        if not _kept or _kept[0][0] != work:
            _kept.clear()
            _kept.append((work, opened()))
        found: OpenedT = _kept[0][1]
        return found
