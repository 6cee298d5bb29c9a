"""What goes wrong in each calibration picture, over the threshold: added up, so that parts of a data set merge."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from ..data.example import Example
from ..errors import DataError
from ..metrics.exact_sums import ExactSum
from ..metrics.histogram import THRESHOLDS, histograms, threshold_codes
from ..metrics.ranking.matching import Found, Matches, Truth
from ..metrics.streaming import Streaming
from .kept import Guarantee
from .promise import MEASURES, Promise
from .unseen import fingerprint

_EVEN_IN_LOGITS = 1 / (1 + np.exp(-np.arange(-8, 8.001, 1 / 16)))
# Scores of detectors crowd near 0 or 1. All are numbers of float32, so that comparing is the same in every precision.
_OF_BOXES = np.unique(np.concatenate([THRESHOLDS, _EVEN_IN_LOGITS.astype(np.float32)]))
GRIDS = {"boxes": _OF_BOXES, "mask": THRESHOLDS[1:], "labels": THRESHOLDS}
"""By what is found the thresholds that are tried, float32 [T] rising: fixed before any picture is seen.

At 0 a map marks everything, and would keep a promise of recall that is worth nothing.
"""


@dataclass(frozen=True, eq=False)
class Counts:
    """What is right in a picture at each threshold: boxes or pixels."""

    right: np.ndarray  # [T], found and right
    found: np.ndarray  # [T]
    there: float  # how many there are to be found

    @classmethod
    def of_boxes(
        cls, class_names: tuple[str, ...], truth: Truth, found: Found, iou: float, *, others: Sequence[float] = ()
    ) -> "Counts":
        """Count boxes of all classes together: one is right that meets a true one of its class with such an IoU.

        `others` are the scores of boxes of classes that the truth does not know: found, and not right.
        """
        matches = Matches(class_names, iou)
        matches.update(truth, found)
        of_classes = matches.by_class()
        right = np.concatenate([one.scores[one.positive] for one in of_classes])
        scores = np.concatenate([others, *(one.scores for one in of_classes)])
        return cls(_reaching(right), _reaching(scores), sum(one.truths for one in of_classes))

    @classmethod
    def of_bins(cls, right: np.ndarray, wrong: np.ndarray, there: float) -> "Counts":
        """Count pixels by how many are right and wrong in each of 256 bins."""
        reached = np.cumsum(right[::-1])[::-1]
        return cls(reached, reached + np.cumsum(wrong[::-1])[::-1], there)

    @classmethod
    def of_map(cls, salient: np.ndarray, background: np.ndarray) -> "Counts":
        """Count the pixels of a map by how many salient and other ones lie in each of 256 bins."""
        counts = cls.of_bins(salient, background, float(salient.sum()))
        return cls(counts.right[1:], counts.found[1:], counts.there)

    @classmethod
    def of_classes(cls, right: np.ndarray, confidence: np.ndarray) -> "Counts":
        """Count pixels of a class map, 1 right, 0 wrong, 255 ignored: found is one of that confidence at least."""
        wrong, rightly = histograms(threshold_codes(np.clip(confidence, 0, 1).astype(np.float32)), right)
        return cls.of_bins(rightly, wrong, float(wrong.sum() + rightly.sum()))


def _reaching(scores: np.ndarray) -> np.ndarray:
    return len(scores) - np.searchsorted(np.sort(scores), _OF_BOXES.astype(np.float64))


class PictureLosses(Streaming):
    """Adds up 1 - recall, 1 - precision and 1 - F of pictures, each at the thresholds of `GRIDS`.

    Where nothing is there a picture has no recall, where nothing is found no precision, and with neither no F: those
    are left out, threshold by threshold, and the others counted. A picture that comes twice, or that the model knows,
    is refused with DataError: it would make a promise surer than it is.

    Args:
        promise: what is to be promised.
        kind: what is found, a key of `GRIDS`.
        beta2: weight of precision in F.
    """

    _settings = ("promise", "kind", "beta2")
    _sums = ("pictures", "_losses", "_counts", "_content")

    def __init__(self, promise: Promise, kind: str, beta2: float = 1.0):
        self.promise, self.kind, self.beta2 = promise, kind, beta2
        self.pictures, self._content, self._names = 0, 0, dict[str, str]()
        shape = (len(MEASURES), len(GRIDS[kind]))
        self._losses, self._counts = ExactSum(shape), np.zeros(shape, np.int64)

    def add(self, example: Example, counts: Counts) -> None:
        """Take in what was right in one picture."""
        shown = fingerprint(example.image)
        if shown in self._names:
            self._refuse_twice(shown, example.name)
        if shown in self.promise.known:
            raise DataError(
                f"{example.name} shows a picture on which the model was trained or chosen: a guarantee needs others, "
                "drawn as those to come will be"
            )
        right, found, there = (np.asarray(one, np.float64) for one in (counts.right, counts.found, counts.there))
        whole = np.stack([np.broadcast_to(there, found.shape), found, (self.beta2 * there + found) / (1 + self.beta2)])
        counted = whole > 0
        self._losses.add(np.where(counted, np.clip(1 - right / np.where(counted, whole, 1), 0, 1), 0))
        self._counts += counted
        self.pictures += 1
        self._names[shown] = example.name
        self._content += int.from_bytes(_digest(example))

    def check(self, other: Self) -> None:
        """As `Streaming`; DataError where both have the same picture."""
        super().check(other)
        for shown in self._names.keys() & other._names.keys():
            self._refuse_twice(shown, other._names[shown])

    def _take_in(self, other: Self) -> None:
        super()._take_in(other)
        self._names |= other._names

    def _refuse_twice(self, shown: str, name: str) -> None:
        raise DataError(
            f"{name} shows the same picture as {self._names[shown]}: a guarantee needs pictures drawn each without "
            "regard to the others, so leave one of them out"
        )

    def result(self) -> Guarantee:
        """Choose the threshold."""
        digest = f"{self._content % 2**256:064x}"
        sums = self._losses.value
        return Guarantee.chosen(
            self.promise, self.kind, GRIDS[self.kind], sums, self._counts, self.pictures, digest, self.beta2
        )


def losses_of(promise: Promise | None, kind: str, beta2: float = 1.0) -> PictureLosses | None:
    """Make what adds up losses where something is to be promised."""
    return None if promise is None else PictureLosses(promise, kind, beta2)


def _digest(example: Example) -> bytes:
    """Give a SHA-256 of a picture, its name and its truth; added up, they tell sets from others in any order."""
    content = hashlib.sha256(example.name.encode("utf-8", "surrogateescape"))
    parts = (example.image, example.mask, example.labels, example.boxes, example.classes, example.difficult)
    for part in (*parts, example.crowd):
        content.update(b"\0" if part is None else f"{part.dtype} {part.shape}".encode() + part.tobytes())
    return content.digest()
