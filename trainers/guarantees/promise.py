"""What is to be promised of a threshold, as users write it: "recall >= 0.9 @ 0.95". Imports nothing heavy."""

import math
import re
from dataclasses import dataclass, field

from ..errors import UsageError
from ..text import cut

MEASURES = ("recall", "precision", "f")
DEFAULT_IOU = 0.5
STARTS = 8
"""Thresholds at which the tests of what may rise and fall with the threshold begin, each with a share of the doubt."""
_SHARES_OF_ERRORS = {"fnr": "recall", "fdr": "precision"}  # 1 minus these, promised to be at most so much
_NUMBER = r"([0-9]*\.?[0-9]+)"
_TEXT = re.compile(rf"([a-z]+)(?:@iou={_NUMBER})?(>=|<=){_NUMBER}(?:@{_NUMBER})?")
_LIKE = '"recall >= 0.9 @ 0.95", "precision >= 0.8 @ 0.9", "fnr <= 0.1 @ 0.95" or, in expectation, "recall >= 0.9"'


@dataclass(frozen=True)
class Promise:
    """That the mean of a measure of single pictures is at least `level`.

    With a `confidence` it holds of all pictures to come, with that probability over the draw of the calibration
    pictures; without one in expectation over both, which only recall can be promised in.
    """

    text: str
    measure: str  # one of MEASURES
    level: float
    confidence: float | None = None
    iou: float = DEFAULT_IOU  # that makes a box right
    known: frozenset[str] = field(default=frozenset(), repr=False)  # fingerprints of pictures that the model has seen

    @property
    def bound(self) -> float:
        """What the mean of 1 - measure may be at most."""
        return round(1 - self.level, 12)

    @property
    def starts(self) -> int:
        """At how many thresholds tests begin: what is missed only grows with the threshold, so the lowest is safe."""
        return 1 if self.measure == "recall" else STARTS

    @property
    def doubt(self) -> float:
        """How probable an error of the tests from each start may be; 0 without a confidence."""
        return 0.0 if self.confidence is None else round(1 - self.confidence, 12) / self.starts

    @property
    def fewest(self) -> int:
        """How many pictures are needed, even if nothing at all goes wrong in them."""
        if self.confidence is None:
            return math.ceil(round(1 / self.bound - 1, 9))
        return math.ceil(round(math.log(self.doubt) / math.log1p(-self.bound), 9))


def read_promise(text: str) -> Promise:
    """Read a promise; UsageError in a sentence."""
    found = _TEXT.fullmatch(re.sub(r"\s+", "", text).lower())
    if not found:
        raise UsageError(f"--guarantee must read like {_LIKE}, got {cut(text.strip()) or 'nothing'}")
    word, iou, sign, number, confidence = found.groups()
    if word not in MEASURES and word not in _SHARES_OF_ERRORS:
        known = ", ".join((*MEASURES, *_SHARES_OF_ERRORS))
        raise UsageError(f"--guarantee is about one of {known}, got {cut(word)}")
    wanted = "<=" if word in _SHARES_OF_ERRORS else ">="
    if sign != wanted:
        raise UsageError(f"--guarantee of {word} takes {wanted}, got {sign} in {cut(text.strip())}")
    measure, value = _SHARES_OF_ERRORS.get(word, word), _share(text, number)
    if confidence is None and measure != "recall":
        raise UsageError(
            f"--guarantee of {word} may rise and fall with the threshold, so it is promised with a confidence: add "
            f'one, as in "{word} {sign} {number} @ 0.95"'
        )
    return Promise(
        f"{word}{f'@iou={_digits(iou)}' if iou else ''} {sign} {_digits(number)}"
        + (f" @ {_digits(confidence)}" if confidence else ""),
        measure,
        round(1 - value, 12) if word in _SHARES_OF_ERRORS else value,
        None if confidence is None else _share(text, confidence),
        DEFAULT_IOU if iou is None else _share(text, iou),
    )


def refuse_too_few(promise: Promise, pictures: int) -> None:
    """Refuse a promise that so many calibration pictures cannot bear; UsageError says how many could."""
    if pictures < promise.fewest:
        raise UsageError(
            f'--guarantee "{promise.text}" needs {promise.fewest} pictures at least, even if nothing goes wrong in '
            f"them, and there are {pictures}: give more, or promise less"
        )


def _share(text: str, number: str) -> float:
    value = round(float(number), 12)
    if not 0 < value < 1:
        raise UsageError(
            f"--guarantee takes numbers between 0 and 1, of twelve digits at most, got {cut(number)} in "
            f"{cut(text.strip())}"
        )
    return value


def _digits(number: str) -> str:
    """Write a share so that it is read again as the same."""
    return f"{float(number):.12f}".rstrip("0")
