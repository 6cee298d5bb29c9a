"""One of the files that a format can write."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """One of the files that a format can write.

    Attributes:
        name: as in the card, and as typed after `--quantize` where there is a choice.
        file: name of the file or folder.
        rank: of several files of one model the one of the lowest rank is opened.
        largest_difference: of a score from the Keras model's that the file may show; None where it is held to the mean
            difference and to the main metrics instead.
        calibrated: whether training pictures are needed to write it.
    """

    name: str
    file: str
    rank: int
    largest_difference: float | None = None
    calibrated: bool = False
