"""Train Keras models directly for the numbers they are judged by: F-measure, IoU, average precision.

    import metricfit

    run = metricfit.train("saliency", data="folder:photos", loss="floss", out="runs/photos")
    report = metricfit.evaluate(run.folder, data="folder:photos:test")
    metricfit.export(run.folder, to="exports/photos")
    predict = metricfit.load("exports/photos")
    predict(image).save("overlay.png")

Losses for your own models are in `metricfit.losses`, metrics in `metricfit.metrics`. `__all__` is what is public.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from metricfit import losses, metrics
    from metricfit.app.api import compare, evaluate, export, load, predict, train
    from metricfit.app.predictor import Predictor
    from metricfit.app.results import ClassMap, Detections, Result, SaliencyMap
    from metricfit.trainers.errors import DataError, DivergedError, MetricfitError, UsageError

__version__ = "0.3.0"

__all__ = [
    "ClassMap", "DataError", "Detections", "DivergedError", "MetricfitError", "Predictor", "Result", "SaliencyMap",
    "UsageError", "__version__", "compare", "evaluate", "export", "load", "losses", "metrics", "predict", "train",
]  # fmt: skip

_ROOMS = {
    "app.api": ("compare", "evaluate", "load", "predict", "train"),
    "app.predictor": ("Predictor",),
    "app.results": ("ClassMap", "Detections", "Result", "SaliencyMap"),
    "trainers.errors": ("DataError", "DivergedError", "MetricfitError", "UsageError"),
}
_SUBPACKAGES = ("losses", "metrics", "trainers", "export", "app")


def __getattr__(name: str) -> Any:
    # Everything comes when it is first asked for, so that importing the package takes no time.
    if name in _SUBPACKAGES:
        return importlib.import_module("metricfit." + name)
    for room, names in _ROOMS.items():
        if name in names:
            return getattr(importlib.import_module("metricfit." + room), name)
    raise AttributeError(f"module 'metricfit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


class _Verb(ModuleType):
    # A subpackage that can be called: `metricfit.export` is the room, and the verb, too.

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """What `help()` shows first: the verb."""
        return f"metricfit.export{self.__signature__}\n\n{self._verb.__doc__}\n{self.__dict__['__doc__']}"

    @property
    def _verb(self) -> Any:
        return importlib.import_module("metricfit.app.api").export

    @property
    def __signature__(self) -> Any:
        return importlib.import_module("inspect").signature(self._verb)

    def __call__(self, *arguments: Any, **flags: Any) -> Any:
        """Call the verb; see `metricfit.app.api.export`."""
        return self._verb(*arguments, **flags)


class _Package(ModuleType):
    def __setattr__(self, name: str, value: Any) -> None:
        # Python sets each subpackage as an attribute when it has been imported.
        if name == "export" and isinstance(value, ModuleType):
            value.__class__ = _Verb
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
