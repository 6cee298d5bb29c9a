"""How strongly training examples are varied, for each kind of target. Imports nothing heavy: these become flags."""

from dataclasses import dataclass
from typing import ClassVar

from ...errors import UsageError


@dataclass(frozen=True)
class Mixed:
    """Shares of the training pictures, in [0, 1], that become mosaics of four, and that others are laid over."""

    mosaic: float = 0.0
    mix_up: float = 0.0

    @property
    def pictures(self) -> int:
        """The most pictures that become one."""
        return (4 if self.mosaic else 1) + bool(self.mix_up)


@dataclass(frozen=True)
class ColourSettings:
    """How strongly colours are varied; what every augmentation has."""

    RANGES: ClassVar[tuple[tuple[str, float, float], ...]] = (
        ("brightness", 0, 0.99), ("contrast", 0, 0.99), ("saturation", 0, 1), ("hue", 0, 0.5),
    )  # fmt: skip
    """Name, lowest and highest value of every number; subclasses add theirs."""

    brightness: float = 0.2
    """Largest relative change of exposure, in [0, 1)."""
    contrast: float = 0.2
    """Largest relative change of contrast, in [0, 1)."""
    saturation: float = 0.3
    """Largest relative change of colour strength, in [0, 1]."""
    hue: float = 0.03
    """Largest turn of the colour circle, as a share of it, in [0, 0.5]."""

    def __post_init__(self) -> None:
        for name, low, high in self.RANGES:
            if not low <= getattr(self, name) <= high:
                flag = f"--augmentation.{name.replace('_', '-')}"
                raise UsageError(f"{flag} must be from {low} to {high}, got {getattr(self, name)}")

    @property
    def recolours(self) -> bool:
        """Whether any colour is varied."""
        return bool(self.brightness or self.contrast or self.saturation or self.hue)

    @property
    def mixed(self) -> "Mixed":
        """Which shares of the pictures have others mixed into them; without a setting for it, none."""
        return Mixed()


@dataclass(frozen=True)
class _MaskViews:
    flip: bool = True
    """Mirror left and right in half of the cases."""
    min_scale: float = 0.5
    """Smallest share of the picture's area that a crop keeps, in (0, 1]; 1 never crops."""


# The fields of the last base come first.
@dataclass(frozen=True)
class Augmentation(ColourSettings, _MaskViews):
    """How strongly training examples are varied; see `NO_AUGMENTATION` for not at all."""

    RANGES = (("min_scale", 0.01, 1), *ColourSettings.RANGES)


NO_AUGMENTATION = Augmentation(flip=False, min_scale=1.0, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0)
"""Examples are only resized, as in evaluation."""


@dataclass(frozen=True)
class _LabelViews:
    flip: bool = True
    """Mirror left and right in half of the cases."""
    min_scale: float = 0.5
    """Smallest factor on the size that a picture has in evaluation, above 0."""
    max_scale: float = 2.0
    """Largest factor; what then is larger than the input is cropped, what is smaller is padded."""


# The fields of the last base come first.
@dataclass(frozen=True)
class LabelAugmentation(ColourSettings, _LabelViews):
    """How strongly pictures with class maps are varied; see `NO_LABEL_AUGMENTATION` for hardly at all."""

    RANGES = (("min_scale", 0.05, 20), ("max_scale", 0.05, 20), *ColourSettings.RANGES)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_scale > self.max_scale:
            raise UsageError(
                f"--augmentation.min-scale must be at most max-scale, got {self.min_scale} and {self.max_scale}"
            )


NO_LABEL_AUGMENTATION = LabelAugmentation(
    flip=False, min_scale=1.0, max_scale=1.0, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0
)
"""Pictures have the size of evaluation; where they do not fill the input, their place in it is random."""


@dataclass(frozen=True)
class _BoxViews:
    flip: bool = True
    """Mirror left and right in half of the cases."""
    vertical_flip: bool = False
    """Mirror top and bottom in half of the cases: for pictures without an upright, such as microscopy."""
    min_scale: float = 0.3
    """Smallest share of each side that a crop keeps, in (0, 1]; 1 never crops. One picture in seven stays whole."""
    max_expand: float = 2.0
    """Largest zoom out onto grey, at least 1; 1 never does, SSD takes 4. Half of the pictures are zoomed."""


# The fields of the last base come first.
@dataclass(frozen=True)
class BoxAugmentation(ColourSettings, _BoxViews):
    """How strongly training examples with boxes are varied; see `NO_BOX_AUGMENTATION` for not at all."""

    RANGES = (
        ("min_scale", 0.05, 1), ("max_expand", 1, 16), *ColourSettings.RANGES,
        ("rotation", 0, 180), ("mosaic", 0, 1), ("mix_up", 0, 1), ("mix_up_alpha", 0.05, 100),
    )  # fmt: skip

    rotation: float = 0.0
    """Largest turn to either side, in degrees up to 180; each picture is turned about its middle, by any angle. What it
    uncovers is grey."""
    mosaic: float = 0.0
    """Share of the pictures, 0 to 1, that become mosaics: four pictures, smaller, that meet at a random point."""
    mix_up: float = 0.0
    """Share of the pictures, 0 to 1, over which another one is laid half transparent, with the boxes of both."""
    mix_up_alpha: float = 1.5
    """How transparent: the weight of one is drawn from Beta(alpha, alpha), evenly at 1, mostly near a half above it.
    Below a weight of 0.2 the boxes of a picture neither train nor count."""

    @property
    def mixed(self) -> Mixed:
        """As of `ColourSettings`."""
        return Mixed(self.mosaic, self.mix_up)


NO_BOX_AUGMENTATION = BoxAugmentation(
    flip=False, min_scale=1.0, max_expand=1.0, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0
)
"""Examples are only fitted to the input, as in evaluation."""
