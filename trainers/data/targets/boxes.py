"""Boxes: where objects are, and of which class."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from ...colours import class_colours
from ...errors import DataError, UsageError
from ...geometry import IGNORED, PADDING, InputSize
from ..augmentation.boxes import augment_boxes
from ..augmentation.mixing import mix_up, mosaic
from ..augmentation.settings import BoxAugmentation
from ..example import Example, Source, ignored_boxes
from ..fit import fit_boxes, fit_image, fit_scale, unfit_boxes
from ..ragged import Ragged
from .base import Array, Arrays, Facts, Target, absent_note, listed
from .drawing import OUTLINE, TINT, dashed

TINY = 64
"""A box is tiny when its shorter side is less than the picture's longer side divided by this."""

_HEAD = 4  # numbers of `BoxFacts.row` before its classes


def class_pairs(rows: Ragged) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give of rows of `BoxFacts` which example has which class, and how many boxes of it: int64 [k] each."""
    rest = np.ones(len(rows.values), bool)
    rest[rows.starts[:, None] + np.arange(_HEAD)] = False
    classes, counts = rows.values[rest].reshape(-1, 2).T
    return np.repeat(np.arange(len(rows)), (rows.lengths - _HEAD) // 2), classes, counts


@dataclass(frozen=True, eq=False)
class BoxFacts(Facts):
    """Pictures, `empty` ones, the most boxes in one, those that count by class; `tiny`, `identical`, `ignored` ones."""

    pictures: int = 0
    empty: int = 0
    most: int = 0
    classes: Counter[int] = field(default_factory=Counter)
    ignored: int = 0
    tiny: int = 0
    identical: int = 0

    @property
    def counted(self) -> int:
        """The number of boxes that train and count."""
        return sum(self.classes.values())

    def row(self) -> list[int]:
        """See `Facts`: boxes, ignored, tiny, identical ones, then of each class that is there its number and boxes."""
        numbers = [number for pair in sorted(self.classes.items()) for number in pair]
        return [self.most, self.ignored, self.tiny, self.identical, *numbers]

    @classmethod
    def of_rows(cls, rows: Ragged, classes: int) -> "BoxFacts":
        """See `Facts`."""
        boxes, ignored, tiny, identical = rows.values[rows.starts[:, None] + np.arange(_HEAD)].T
        _, numbers, counts = class_pairs(rows)
        there, places = np.unique(numbers, return_inverse=True)
        sums = np.zeros(len(there), np.int64)
        np.add.at(sums, places, counts)
        return cls(
            pictures=len(rows),
            empty=int((boxes == 0).sum()),
            most=int(boxes.max(initial=0)),
            classes=Counter(dict(zip(there.tolist(), sums.tolist()))),
            ignored=int(ignored.sum()),
            tiny=int(tiny.sum()),
            identical=int(identical.sum()),
        )

    def by_class(self, class_names: Sequence[str]) -> dict[str, str]:
        """Count the boxes."""
        return {name: str(self.classes[index]) for index, name in enumerate(class_names)}

    def line(self, class_names: Sequence[str]) -> str:
        """Say how many boxes there are of each class."""
        texts = [f"{self.classes[index]} {name}" for index, name in enumerate(class_names)]
        ignored = f", {self.ignored} difficult or crowd (neither train nor count)" if self.ignored else ""
        return f"boxes: {listed(texts, class_names)}{ignored}; at most {self.most} in a picture"

    def notes(self, class_names: Sequence[str]) -> list[str]:
        """See `Facts`."""
        notes = []
        if self.empty:
            are = "has" if self.empty == 1 else "have"
            notes.append(f"{self.empty} of {self.pictures} pictures {are} no objects: they train as background")
        absent = [name for index, name in enumerate(class_names) if not self.classes[index]]
        if self.ignored and not self.counted:
            notes.append("no box counts: all of them are difficult or crowds, and nothing can be learnt or measured")
        elif absent:
            notes.append(absent_note("box", absent))
        if self.identical:
            are = "is" if self.identical == 1 else "are"
            notes.append(
                f"{self.identical} of {self.counted} boxes {are} identical to one before in the same picture, in class "
                "and coordinates: remove the copies, or nothing but one of each can be found"
            )
        if self.tiny:
            are = "is" if self.tiny == 1 else "are"
            notes.append(
                f"{self.tiny} of {self.counted} boxes {are} tiny, a side below 1/{TINY} of the picture's "
                f"(6 pixels at --size 384): a larger --size helps to find them"
            )
        return notes

    @property
    def hopeless(self) -> bool:
        """Whether no box counts."""
        return not self.counted


class BoxTarget(Target[BoxAugmentation]):
    """Boxes float32 [n, 4] as (x0, y0, x1, y1) in pixels, and their classes int32 [n]; -2 where they do not count."""

    name = "boxes"
    drawn = "boxes framed in the colour of their class, ignored ones in dashes"

    def of(self, example: Example, source: Source) -> Arrays:
        """As `Target.of`, in pixels of the picture as it is given; difficult boxes and crowds have the class -2."""
        boxes, classes = example.boxes, example.classes
        if boxes is None or classes is None:
            raise DataError(f"{example.name} of {source.name} has no boxes: choose a source that has them")
        if example.own_size is not None:
            boxes = fit_boxes(
                boxes, (example.image.shape[1] / example.size[1], example.image.shape[0] / example.size[0])
            )
        return boxes, np.where(ignored_boxes(example), IGNORED, classes).astype(np.int32)

    def fit(self, image: np.ndarray, parts: Arrays, size: InputSize, resizing: str) -> Arrays:
        """As `Target.fit`."""
        boxes, classes = parts
        scale = fit_scale((image.shape[0], image.shape[1]), size, resizing)
        return fit_image(image, size, resizing), fit_boxes(boxes, scale), classes

    def unfit(self, found: Arrays, size: InputSize, resizing: str, shape: tuple[int, int]) -> Arrays:
        """Bring (boxes [K, 4], scores [K], classes [K], count) to (boxes, scores, classes) of `count` boxes each."""
        boxes, scores, classes, count = found
        boxes = unfit_boxes(boxes[: int(count)], fit_scale(shape, size, resizing), shape)
        return boxes, scores[: int(count)], classes[: int(count)]

    def augment(
        self,
        image: np.ndarray,
        parts: Arrays,
        size: InputSize,
        resizing: str,
        rng: np.random.Generator,
        augmentation: BoxAugmentation,
        wanted: int | None = None,
    ) -> Arrays:
        """As `Target.augment`; boxes that are not seen any more are left out."""
        boxes, classes = parts
        ignored = classes == IGNORED
        image, boxes, kept = augment_boxes(image, boxes, size, resizing, rng, augmentation, ignored=ignored)
        return image, boxes, classes[kept]

    def mix(
        self,
        own: Arrays,
        beside: Sequence[Arrays],
        over: Sequence[Arrays],
        size: InputSize,
        resizing: str,
        rng: np.random.Generator,
        augmentation: BoxAugmentation,
    ) -> Arrays:
        """As `Target.mix`; each picture is varied for itself."""

        def view(example: Arrays, side: InputSize) -> Arrays:
            return self.augment(example[0], example[1:], side, resizing, rng, augmentation)

        mixed = mosaic((own, *beside), size, view, rng) if beside else view(own, size)
        for other in over:
            mixed = mix_up(mixed, view(other, size), augmentation.mix_up_alpha, rng)
        return mixed

    def layout(self, size: InputSize, room: int) -> tuple[Array, ...]:
        """Give boxes float32 [room, 4] and classes int32 [room], both -1 where there is none."""
        return Array("boxes", (room, 4), "float32", "float32"), Array("classes", (room,), "int32", "int32")

    def room(self, source: Source, wanted: int | None = None) -> int:
        """As `Target.room`; where a source knows its `box_counts`, nothing is loaded."""
        if wanted is None:
            return max(1, most_boxes(source))
        if wanted < 1:
            raise UsageError(f"max_boxes must be at least 1, got {wanted}")
        if len(source) and source.box_counts is not None:
            fullest = int(np.argmax(source.box_counts))
            _check_room(source, fullest, int(source.box_counts[fullest]), wanted)
        return wanted

    def check_room(self, source: Source, index: int, parts: Arrays, room: int) -> None:
        """As `Target.check_room`."""
        _check_room(source, index, len(parts[0]), room)

    def padded(self, parts: Arrays, room: int) -> Arrays:
        """Fill boxes float32 [n, 4] and classes int32 [n] up to the room with -1."""
        (boxes, classes), missing = parts, room - len(parts[0])
        boxes = np.pad(boxes.astype(np.float32), ((0, missing), (0, 0)), constant_values=PADDING)
        return boxes, np.pad(classes.astype(np.int32), (0, missing), constant_values=PADDING)

    def check(self, example: Example, class_names: Sequence[str]) -> None:
        """Refuse boxes that are no boxes, lie outside the picture, or have no class."""
        boxes, classes, name = self.values(example), example.classes, example.name
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise DataError(f"the boxes of {name} must have the shape [n, 4], got {boxes.shape}: correct the source")
        for what in ("classes", "difficult", "crowd", "areas"):
            values = getattr(example, what)
            if (values is None and what == "classes") or (values is not None and values.shape != (len(boxes),)):
                found = "none" if values is None else len(values)
                held = f"{len(boxes)} box{'es' * (len(boxes) != 1)}"
                raise DataError(f"{name} has {held} and {found} {what}: give one for each box")
        height, width = example.size
        sound = np.isfinite(boxes).all(axis=1) & (boxes[:, :2] < boxes[:, 2:]).all(axis=1)
        sound &= (boxes >= 0).all(axis=1) & (boxes[:, 2:] <= [width, height]).all(axis=1)
        if not sound.all():
            bad = int(sound.argmin())
            raise DataError(
                f"box {bad + 1} of {name} is {boxes[bad].tolist()}, expected x0 < x1 and y0 < y1 within "
                f"{width}x{height}: correct it, or remove it"
            )
        unknown = sorted(set(np.asarray(classes).tolist()) - set(range(len(class_names))))
        if unknown:
            raise DataError(
                f"{name} has a box of class {unknown[0]}, the classes are 0..{len(class_names) - 1}: correct the labels"
            )

    def facts(self, example: Example, class_names: Sequence[str]) -> BoxFacts:
        """See `Target`."""
        boxes, ignored = self.values(example), ignored_boxes(example)
        shorter = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf)
        tiny = ~ignored & (shorter * TINY < max(example.size))
        counting = np.column_stack([boxes, np.asarray(example.classes)])[~ignored]
        return BoxFacts(
            pictures=1,
            empty=int(len(boxes) == 0),
            most=len(boxes),
            classes=Counter(np.asarray(example.classes)[~ignored].tolist()),
            ignored=int(ignored.sum()),
            tiny=int(tiny.sum()),
            identical=len(counting) - len(np.unique(counting, axis=0)),
        )

    def of_rows(self, rows: Ragged, class_names: Sequence[str]) -> BoxFacts:
        """See `Target`."""
        return BoxFacts.of_rows(rows, len(class_names))

    def caption(self, example: Example, class_names: Sequence[str]) -> list[str]:
        """Say how many boxes there are, and how many of them do not count."""
        count, ignored = len(self.values(example)), int(ignored_boxes(example).sum())
        return [f"{count} box{'' if count == 1 else 'es'}", *[f"{ignored} ignored"] * (ignored > 0)]

    def draw(self, canvas: np.ndarray, example: Example, class_names: Sequence[str]) -> None:
        """Frame boxes in the colours of their classes; in dashes those that neither train nor count."""
        scale = max(canvas.shape[:2]) / max(example.size)
        boxes, classes = self.values(example), example.classes
        colours = [TINT] * len(boxes) if classes is None else class_colours(1 + int(max(classes, default=0)))[classes]
        for box, colour, ignored in zip(boxes, colours, ignored_boxes(example)):
            x0, y0, x1, y1 = (round(float(side) * scale) for side in box)
            if ignored:
                dashed(canvas, (x0, y0, x1 - 1, y1 - 1), colour)
            else:
                cv2.rectangle(canvas, (x0, y0), (x1 - 1, y1 - 1), OUTLINE, 3)
                cv2.rectangle(canvas, (x0, y0), (x1 - 1, y1 - 1), tuple(int(part) for part in colour), 2)


def _check_room(source: Source, index: int, count: int, room: int) -> None:
    if count > room:
        raise DataError(
            f"{source.names[index]} of {source.name} has {count} boxes and there is room for {room}: give --max-boxes "
            f"{count}"
        )


def most_boxes(source: Source) -> int:
    """Count the boxes, as written, of the example that has most; cheap with a source's `box_counts` or `box_bound`."""
    if source.box_counts is not None:
        return int(np.max(source.box_counts, initial=0))
    if source.box_bound is not None:
        return source.box_bound
    return max((len(BoxTarget().of(source.load(index), source)[0]) for index in range(len(source))), default=0)


def refuse_without_boxes(source: Source) -> None:
    """Refuse data in which no box counts, before any work is put into them; the first that counts ends the search."""
    for index in range(len(source)):
        if source.box_counts is None or source.box_counts[index]:
            example = source.load(index)
            if example.boxes is not None and not ignored_boxes(example).all():
                return
    raise DataError(
        f"none of the {len(source)} picture{'s' * (len(source) != 1)} of {source.name} has a box that counts (not "
        "difficult ones, nor crowds): choose other data, or annotate objects"
    )
