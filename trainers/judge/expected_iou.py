"""Class maps that are best for the mean IoU to be expected, by probabilities (Nowozin, CVPR 2014).

The likeliest class of each pixel is best for the accuracy. For the mean over the classes of I_c / U_c, as
`metrics.expected_iou` has it, a pixel of a rare class weighs more: how much depends on all pixels there are. Of these
a group of pictures is decided at a time, and of those before it the sums are kept: of a group by itself the classes
that it lacks would weigh so much that doubtful pixels went to them.
"""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..data.example import Example
from ..errors import UsageError
from ..metrics.expected_iou import Promised, expected_iou
from .likeliest import Decided, Likeliest, likeliest_sampled

log = logging.getLogger("metricfit")

GROUP = 21
"""Pictures that are decided together, as in the comparison of the Lovász-Softmax paper (section 4.4)."""
MEMORY = 2**30
"""Bytes of probabilities, float32, that a group may hold: of larger pictures fewer are a group."""

_ROUNDING = 1e-3
_STEPS = 30
_LEAST_GAIN = 1e-5  # of the mean IoU, in a step


def decided_in_groups(pairs: Iterable[tuple[Example, np.ndarray]]) -> Iterator[tuple[Example, Likeliest]]:
    """Decide pictures in groups of `GROUP` in a row, each for the mean IoU of all pictures so far; see `decide`.

    Args:
        pairs: examples with the probabilities of their pixels, float32 [H, W, C]; UsageError where they are none.
    """
    before = None
    for group in _groups(pairs):
        decided = decide([scores for _, scores in group], before)
        before = Promised(*np.sum([*(one.promised for one in decided), *([before] if before else [])], axis=0))
        for (example, scores), one in zip(group, decided):
            yield example, likeliest_sampled(scores)._replace(decided=one)


def _groups(pairs: Iterable[tuple[Example, np.ndarray]]) -> Iterator[list[tuple[Example, np.ndarray]]]:
    """Part them into `GROUP` at a time, or as many as `MEMORY` holds; the last ones may be fewer."""
    group: list[tuple[Example, np.ndarray]] = []
    told = False
    for example, scores in pairs:
        _refuse_others(example, scores)
        if group and scores.nbytes + sum(held.nbytes for _, held in group) > MEMORY:
            if not told:
                log.warning(
                    "--decision iou: %d pictures are a group instead of %d, as the probabilities of more take more "
                    "than %g GiB",
                    len(group), GROUP, MEMORY / 2**30,
                )  # fmt: skip
            told = True
            yield group
            group = []
        group.append((example, _planar(scores)))
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def _refuse_others(example: Example, scores: np.ndarray) -> None:
    low, high = float(scores.min()), float(scores.max())
    if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
        raise UsageError(
            f"--decision iou needs probabilities, 0 to 1, and the model gives {low:.3g} to {high:.3g} for "
            f"{example.name}: leave it out"
        )


@dataclass(frozen=True)
class _Rule:
    """A pixel's class is the one with the largest slope · p − offset, of equal ones the first: float32 [C] each."""

    slope: np.ndarray
    offset: np.ndarray

    @classmethod
    def likeliest(cls, classes: int) -> "_Rule":
        return cls(np.ones(classes, np.float32), np.zeros(classes, np.float32))

    @classmethod
    def at(cls, intersection: np.ndarray, union: np.ndarray) -> "_Rule":
        """Give the one that goes along the derivative of Σ I_c / U_c by the pixels of each class.

        A pixel of a class adds p to I and 1 − p to U: (p U − (1 − p) I) / U² = (p (1 + r) − r) / U, with r = I / U.
        """
        there = union > 0
        slope = np.divide(union + intersection, union**2, out=np.zeros_like(union), where=there)
        # a class that is nowhere gets nothing, though nothing would be lost by what is doubtful
        offset = np.divide(intersection, union**2, out=np.full_like(union, np.inf), where=there)
        largest = max(slope.max(), np.finfo(np.float64).tiny)  # a factor changes nothing, and these may be 1e-7
        return cls((slope / largest).astype(np.float32), (offset / largest).astype(np.float32))

    def apply(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Give the classes, uint8 [H, W], and by class Σ p of its pixels and their number, float64 [2, C]."""
        planes = scores.transpose(2, 0, 1)
        highest, chosen = self.slope[0] * planes[0] - self.offset[0], planes[0].copy()
        classes = np.zeros(scores.shape[:2], np.uint8)
        for index in range(1, len(planes)):
            values = self.slope[index] * planes[index] - self.offset[index]
            larger = values > highest
            np.copyto(highest, values, where=larger)
            np.copyto(chosen, planes[index], where=larger)
            np.copyto(classes, np.uint8(index), where=larger)
        flat, count = classes.ravel(), len(planes)
        sums = np.bincount(flat, weights=chosen.ravel(), minlength=count), np.bincount(flat, minlength=count)
        return classes, np.array(sums, np.float64)


def decide(pictures: Sequence[np.ndarray], before: Promised | None = None) -> list[Decided]:
    """Decide the classes of a group's pixels, so that the mean IoU to be expected of all pictures so far is largest.

    The Frank-Wolfe algorithm: from the likeliest classes on, each step takes the class maps to which the derivative
    leads, goes towards them as far as the mean IoU rises, and looks from there again. The best class maps met are kept:
    by the probabilities they are never worse than the likeliest classes. A class without any probability counts 0.

    Args:
        pictures: the probabilities of each picture's pixels, float [H, W, C], C the same in all, up to 256.
        before: what is promised of the groups before this one, added up, float64 [C]; None of the first.
    """
    if not pictures:
        return []
    planar = [_planar(one) for one in pictures]
    masses = [one.sum(axis=(0, 1), dtype=np.float64) for one in planar]
    mass, first = np.sum(masses, axis=0), _Rule.likeliest(planar[0].shape[-1])
    base = _nothing_given(mass) + (0 if before is None else np.stack(before))
    best, here = first, _sums(planar, first)
    highest = value = float(expected_iou(_promised(here, base)))
    for _ in range(_STEPS):
        rule = _Rule.at(*_promised(here, base))
        there = _sums(planar, rule)
        if (found := float(expected_iou(_promised(there, base)))) > highest:
            best, highest = rule, found
        share, reached = _furthest(here, there, base)
        if reached < value + _LEAST_GAIN:
            break
        here, value = here + share * (there - here), reached
    return [_decided(one, own, first, best) for one, own in zip(planar, masses)]


def _planar(scores: np.ndarray) -> np.ndarray:
    """Lay scores [H, W, C] out class by class, in float32; what lies so stays what it is."""
    return np.ascontiguousarray(scores.transpose(2, 0, 1), np.float32).transpose(1, 2, 0)


def _sums(pictures: Iterable[np.ndarray], rule: _Rule) -> np.ndarray:
    sums: np.ndarray = np.sum([rule.apply(one)[1] for one in pictures], axis=0)
    return sums


def _nothing_given(mass: np.ndarray) -> np.ndarray:
    """Give intersection and union, float64 [2, C], of class maps that give no class a pixel."""
    return np.stack([np.zeros_like(mass), mass])


def _promised(sums: np.ndarray, base: np.ndarray) -> Promised:
    """Add what pixels, by their `sums` [..., 2, C], make of the intersection and union that are there without them."""
    intersection, count = sums[..., 0, :], sums[..., 1, :]
    return Promised(base[0] + intersection, base[1] + count - intersection)


def _furthest(here: np.ndarray, there: np.ndarray, base: np.ndarray) -> tuple[float, float]:
    """Give the share of the way along which the mean IoU is largest, and what it is there."""
    shares = np.append(np.geomspace(1e-6, 1, 121), 0)
    values = expected_iou(_promised(here + shares[:, None, None] * (there - here), base))
    most = int(np.argmax(values))
    return float(shares[most]), float(values[most])


def _decided(scores: np.ndarray, mass: np.ndarray, first: _Rule, best: _Rule) -> Decided:
    classes, sums = best.apply(scores)
    base = _nothing_given(mass)
    return Decided(classes, _promised(sums, base), _promised(first.apply(scores)[1], base))
