"""What all results have: drawn, plotted, saved, as JSON, and cut at another threshold."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import cv2
import numpy as np

from ...trainers.data.images import resize_image
from ...trainers.errors import MetricfitError, UsageError
from ..show import overlay_boxes
from ..show.pictures import encode_picture, write_encoded
from ..show.threshold import Threshold

if TYPE_CHECKING:
    import supervision
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".jpg", ".jpeg")
View = Callable[[np.ndarray, Any, Any], np.ndarray]


@dataclass(frozen=True, eq=False, repr=False)
class Result(ABC):
    """What was found in one picture: drawn, plotted, saved, as JSON, and in a notebook as its first view.

    Attributes:
        image: the picture, uint8 [H, W, 3], RGB.
        threshold: where scores are cut: the user's, or the model's best one; see `at`.
        path: the picture's file or its name in a source; empty for a bare array.
        rgba: the picture with its transparency, uint8 [H, W, 4], where it has some: `image` is that over white.
        views: the drawing functions by name; the first is what is drawn by default.
        titles: what the views are called.
    """

    image: np.ndarray = field(kw_only=True)
    threshold: Threshold = field(kw_only=True)
    path: str = field(default="", kw_only=True)
    rgba: np.ndarray | None = field(default=None, kw_only=True)

    views: ClassVar[Mapping[str, View]]
    titles: ClassVar[Mapping[str, str]]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the picture, in pixels."""
        height, width = self.image.shape[:2]
        return height, width

    @property
    def summary(self) -> str:
        """What is in the picture, in a word or two; empty where that is a matter of the picture."""
        return ""

    @property
    @abstractmethod
    def objects(self) -> overlay_boxes.Boxes:
        """The objects that reach the threshold: `boxes`, `scores` and `classes`, with a length."""

    def at(self, threshold: float | Threshold) -> Self:
        """Cut the same scores at another threshold, one number serving all classes; UsageError outside [0, 1]."""
        if not isinstance(threshold, Threshold):
            if not 0.0 <= threshold <= 1.0:
                raise UsageError(f"expected a threshold from 0 to 1, got {threshold}")
            threshold = replace(self.threshold, value=float(threshold), origin="given", per_class=())
        return replace(self, threshold=threshold)

    def draw(self, view: str = "", *, objects: bool = False) -> np.ndarray:
        """Draw a view, by default the first, with frames around the objects if asked: uint8 [H, W, 3], RGB.

        Raises:
            UsageError: there is no such view.
        """
        view = view or next(iter(self.views))
        if view not in self.views:
            raise UsageError(f"{type(self).__name__} has no view {view!r}: choose one of {', '.join(self.views)}")
        picture = self._view(view)
        return overlay_boxes.frame_objects(picture, self.objects) if objects and not self._framed else picture

    def plot(self, view: str = "", *, title: str | None = None) -> "Figure":
        """Draw a view into a Matplotlib figure, its title by default what was found; see `draw`."""
        from ...trainers.figures.style import new_figure

        height, width = self.size
        scale = 7.0 / max(height, width)
        figure = new_figure(max(2.5, width * scale), max(1.5, height * scale + 0.25))
        axes = figure.add_subplot()
        axes.imshow(self.draw(view))
        axes.set_axis_off()
        axes.set_title(self._caption if title is None else title, fontsize=9)
        return figure

    def save(self, path: str | Path, view: str = "", *, objects: bool = False) -> Path:
        """Write a view, see `draw`, as .png or .jpg; UsageError for another of them, DataError if that fails."""
        path = Path(path)
        if path.suffix.lower() not in SUFFIXES:
            raise UsageError(f"expected a picture file ending in {', '.join(SUFFIXES)}, got {path}")
        return write_encoded(path, self.encode(path.suffix.lower(), view, objects=objects))

    def encode(self, suffix: str, view: str = "", *, objects: bool = False) -> bytes:
        """Give the bytes of the file that `save` writes, for a suffix that it takes."""
        return encode_picture(self.draw(view, objects=objects), suffix)

    def resized(self, size: tuple[int, int]) -> Self:
        """Give the result for the picture in another size (height, width)."""
        if size == self.size:
            return self
        rgba = None if self.rgba is None else resize_image(self.rgba, size)
        return replace(self, image=resize_image(self.image, size), rgba=rgba, **self._resized(size))

    def to_dict(self) -> dict[str, Any]:
        """Give what JSON can hold: the picture's `width` and `height`, and what was found above the threshold."""
        height, width = self.size
        return {"width": width, "height": height, **self._facts()}

    def to_supervision(self) -> "supervision.Detections":
        """Hand what reaches the threshold to the package supervision, for its annotators, trackers and zones.

        Of a saliency map that is one mask with its mean saliency as confidence, of a class map a mask for each class
        with its mean probability; names of classes are in `data["class_name"]`.

        Raises:
            MetricfitError: that package is not installed.
        """
        try:
            import supervision
        except ImportError as error:
            raise MetricfitError(
                "to_supervision() needs the package supervision, which is not installed: pip install supervision"
            ) from error
        return supervision.Detections(**self._annotations())

    def _repr_png_(self) -> bytes:
        return cv2.imencode(".png", cv2.cvtColor(self.draw(), cv2.COLOR_RGB2BGR))[1].tobytes()

    def __repr__(self) -> str:
        height, width = self.size
        return f"<{type(self).__name__} of {self.path or 'a picture'}, {width}x{height}: {self._caption}>"

    @property
    def _caption(self) -> str:
        return ", ".join(filter(None, (self.summary, self.threshold.text)))

    _framed: ClassVar[bool] = False  # whether the views have frames around the objects already

    def _view(self, view: str) -> np.ndarray:
        return self.views[view](self.image, self, self.threshold.levels)

    @abstractmethod
    def _resized(self, size: tuple[int, int]) -> dict[str, Any]:
        """Give the fields that change with the size."""

    @abstractmethod
    def _facts(self) -> dict[str, Any]:
        """Give what JSON says of what was found."""

    @abstractmethod
    def _annotations(self) -> dict[str, Any]:
        """Give the fields of supervision's detections."""
