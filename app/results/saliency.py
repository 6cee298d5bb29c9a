"""How salient each pixel of a picture is."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ...trainers.data.images import resize_map
from ..show import overlay
from ..show.facts import counted, describe, listed_parts, masks_of
from ..show.overlay_classes import UNSURE
from ..show.parts import Parts, connected_parts
from ..show.pictures import encode_picture
from .base import Result


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
        labels = np.where(self.mask > 0, np.uint8(0), np.uint8(UNSURE))
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
        array = np.asarray(self.map, dtype)  # NumPy 1 knows no copy of None
        if copy is False and array is not self.map:
            raise ValueError(f"a map of {self.map.dtype} becomes one of {array.dtype} in a copy alone: leave copy out")
        return array.copy() if copy and array is self.map else array

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
