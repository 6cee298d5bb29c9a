"""What a predictor gives of one picture: a saliency map, the classes of its pixels, or the objects in it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import cv2
import numpy as np

from ..trainers.data.images import resize_image, resize_map
from ..trainers.errors import MetricfitError, UsageError
from .show import overlay, overlay_boxes, overlay_classes
from .show.facts import classes_of, counted, describe, listed, listed_parts, masks_of
from .show.parts import Parts, connected_parts
from .show.pictures import encode_indices, encode_picture, write_encoded
from .show.threshold import Threshold

if TYPE_CHECKING:
    import supervision
    from matplotlib.figure import Figure

__all__ = ["ClassMap", "Detections", "Result", "SaliencyMap"]

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
        from ..trainers.figures.style import new_figure

        height, width = self.size
        scale = 7.0 / max(height, width)
        figure = new_figure(max(2.5, width * scale), max(1.5, height * scale + 0.25))
        axes = figure.add_subplot()
        axes.imshow(self.draw(view))
        axes.set_axis_off()
        axes.set_title(self._caption if title is None else title, fontsize=9)
        return figure

    def save(self, path: str | Path, view: str = "", *, objects: bool = False) -> Path:
        """Write a view, see `draw`, as .png or .jpg; UsageError for another of them, MetricfitError if that fails."""
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


@dataclass(frozen=True, eq=False, repr=False)
class SaliencyMap(Result, np.lib.mixins.NDArrayOperatorsMixin):
    """How salient each pixel of a picture is. It can be used as the array that `map` is.

    Views to draw: `overlay`, `cutout` (over a checkerboard), `blur` (blurred background), `map` (in colour). Saved as
    .png, `cutout` has a transparent background; `mask` (0 and 255) and `saliency` (8 bits, grey) can be saved besides.

    Attributes:
        map: float32 [H, W] in [0, 1].
        boxes: float32 [n, 4], the boxes of the connected parts of the foreground as (x0, y0, x1, y1), largest first.
        scores: float32 [n], the mean saliency of each.
    """

    map: np.ndarray

    views, titles = overlay.VIEWS, overlay.TITLES

    @property
    def summary(self) -> str:
        """How many objects there are."""
        return counted(len(self.objects), "object", "s")

    @cached_property
    def objects(self) -> Parts:
        """The connected parts of the foreground, largest first, without specks (`show.parts.SMALLEST`)."""
        return connected_parts({0: self.mask}, self.map, class_names=("object",), colours=(overlay.FRAME,))

    @property
    def boxes(self) -> np.ndarray:
        """See the class."""
        return self.objects.boxes

    @property
    def scores(self) -> np.ndarray:
        """See the class."""
        return self.objects.scores

    @property
    def mask(self) -> np.ndarray:
        """The foreground: uint8 [H, W], 255 where the map reaches the threshold, else 0."""
        return overlay.foreground(self.map, self.threshold.value)

    def _annotations(self) -> dict[str, Any]:
        labels = np.where(self.mask > 0, np.uint8(0), np.uint8(overlay_classes.UNSURE))
        return masks_of([0] if self.mask.any() else [], labels, self.map, ("salient",))

    def _facts(self) -> dict[str, Any]:
        objects = [{name: one[name] for name in ("score", "box", "share")} for one in listed_parts(self.objects)]
        return {**describe(self.mask), "objects": objects}

    @property
    def _uncut(self) -> np.ndarray:
        return self.image if self.rgba is None else self.rgba

    def _view(self, view: str) -> np.ndarray:
        image = self._uncut if view == "cutout" else self.image
        return self.views[view](image, self.map, self.threshold.value)

    def encode(self, suffix: str, view: str = "", *, objects: bool = False) -> bytes:
        """See `Result`."""
        if view == "mask":
            picture = self.mask
        elif view == "saliency":
            picture = np.rint(self.map * 255.0).clip(0, 255).astype(np.uint8)
        elif view == "cutout" and suffix == ".png":
            picture = overlay.cut_out(self._uncut, self.map, self.threshold.value)
        else:
            picture = self.draw(view, objects=objects)
        return encode_picture(picture, suffix)

    def _resized(self, size: tuple[int, int]) -> dict[str, Any]:
        return {"map": resize_map(self.map, size)}

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.map, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **settings: Any) -> Any:
        plain = (given.map if isinstance(given, SaliencyMap) else given for given in inputs)
        return getattr(ufunc, method)(*plain, **settings)

    def __getitem__(self, key: Any) -> Any:
        return self.map[key]

    def __len__(self) -> int:
        return len(self.map)

    def __getattr__(self, name: str) -> Any:
        # What an array has besides, such as `shape`, `max` or `astype`.
        if name.startswith("_") or name == "map":
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        return getattr(self.map, name)


@dataclass(frozen=True, eq=False, repr=False)
class ClassMap(Result, overlay_classes.PixelClasses):
    """The class of each pixel of a picture; less sure ones than the threshold show none.

    Views to draw: `classes` (the picture tinted), `labels` (the class map alone), `confidence`. `indices` can be saved
    besides, as .png with a palette: programs read the indices of the classes, people see colours.
    """

    views, titles = overlay_classes.VIEWS, overlay_classes.TITLES

    @cached_property
    def objects(self) -> Parts:
        """The connected parts of each class but the background, largest first, without specks."""
        level = self.threshold.value
        labels, seen = overlay_classes.shown_labels(self, level), self.shares(level)
        masks = {one: (labels == one).view(np.uint8) for one in seen if self.class_names[one] != "background"}
        return connected_parts(masks, self.confidence, class_names=self.class_names, colours=self.colours)

    @property
    def summary(self) -> str:
        """How many classes are seen."""
        return counted(len(self.shares(self.threshold.value)), "class", "es")

    def _annotations(self) -> dict[str, Any]:
        labels = overlay_classes.shown_labels(self, self.threshold.value)
        return masks_of(list(self.shares(self.threshold.value)), labels, self.confidence, self.class_names)

    def _facts(self) -> dict[str, Any]:
        shares, names = self.shares(self.threshold.value).items(), self.class_names
        classes = [{"class": names[one], "index": one, "share": round(share, 6)} for one, share in shares]
        return {"classes": classes, "objects": listed_parts(self.objects)}

    def encode(self, suffix: str, view: str = "", *, objects: bool = False) -> bytes:
        """See `Result`."""
        if view != "indices":
            return super().encode(suffix, view, objects=objects)
        if suffix != ".png":
            raise UsageError(f"indices of classes are written as .png, which keeps them exact; got {suffix}")
        return encode_indices(overlay_classes.shown_labels(self, self.threshold.value), self.colours)

    def _resized(self, size: tuple[int, int]) -> dict[str, Any]:
        return {
            "labels": cv2.resize(self.labels, size[::-1], interpolation=cv2.INTER_NEAREST_EXACT),
            "confidence": cv2.resize(self.confidence, size[::-1], interpolation=cv2.INTER_LINEAR),
        }


@dataclass(frozen=True, eq=False, repr=False)
class Detections(Result, overlay_boxes.Boxes):
    """The objects in a picture: all that were found, whatever their scores, surest first.

    Views to draw: `boxes`, `spotlight` (the rest darkened), `raw` (everything found).
    """

    views, titles = overlay_boxes.VIEWS, overlay_boxes.TITLES
    _framed = True

    @property
    def objects(self) -> Self:
        """The same as `shown`."""
        return self.shown

    @property
    def shown(self) -> Self:
        """Those whose score reaches the threshold, or that of their class."""
        return self.above(self.threshold.levels)

    @property
    def summary(self) -> str:
        """How many objects reach the threshold."""
        return counted(len(self.shown), "object", "s")

    def _annotations(self) -> dict[str, Any]:
        shown, indices = self.shown, self.shown.classes.tolist()
        classes = classes_of(indices, [self.name(index) for index in indices])
        return {"xyxy": shown.boxes, "confidence": shown.scores, **classes}

    def _facts(self) -> dict[str, Any]:
        return {"objects": listed(self.shown)}

    def _resized(self, size: tuple[int, int]) -> dict[str, Any]:
        scale = size[1] / self.size[1], size[0] / self.size[0]
        return {"boxes": (self.boxes * [*scale, *scale]).astype(np.float32)}
