"""The libraries that networks are made of. Imports neither them nor TensorFlow, since command lines are made of it."""

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError


@dataclass(frozen=True)
class Library:
    """What builds a network: `backbones` and `usual_weights` import it."""

    name: str
    package: str
    backbones: Callable[[], Mapping[str, Any]]  # what `--backbone` can be
    usual_weights: Callable[[str], tuple[str, str]]  # of a backbone, see `backbones.weights.usual_weights`
    imagenet: bool = True  # whether `--weights imagenet` is there for any
    extra: str = ""  # what installs it with the program; empty where that always does
    classes: str = ""  # where the classes are that this project makes of it; empty where these are always imported

    @property
    def is_installed(self) -> bool:
        """Whether it can be imported."""
        return not self.extra or importlib.util.find_spec(self.package) is not None

    def is_named_in(self, described: str) -> bool:
        """Whether the description of a saved model names one of its classes, or one that this project makes of it."""
        return any(name and name in described for name in (self.package, self.classes))

    def check_installed(self, wanted: str) -> None:
        """Raise UsageError where it is not installed, but needed for what is wanted."""
        if not self.is_installed:
            raise UsageError(
                f"{wanted} is made of {self.name}, which is not installed: pip install 'metricfit[{self.extra}]'"
            )


def _keras_cv_backbones() -> Mapping[str, Any]:
    from .backbones.builders import BACKBONES

    return BACKBONES


def _keras_cv_weights(backbone: str) -> tuple[str, str]:
    from .backbones.weights import usual_weights

    return usual_weights(backbone)


def _keras_hub_backbones() -> Mapping[str, Any]:
    from .hub.encoders import ENCODERS

    return ENCODERS


def _keras_hub_weights(backbone: str) -> tuple[str, str]:
    from .hub.weights import usual_weights

    return usual_weights(backbone)


KERAS_CV = Library("KerasCV", "keras_cv", _keras_cv_backbones, _keras_cv_weights)
KERAS_HUB = Library(
    "KerasHub",
    "keras_hub",
    _keras_hub_backbones,
    _keras_hub_weights,
    imagenet=False,
    extra="hub",
    classes=".models.hub.",
)
