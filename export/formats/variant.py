"""One of the files that a format can write."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Variant:
    """One of the files that a format can write."""

    name: str  # as in the card, and as typed after `--quantize` where there is a choice
    file: str  # name of the file or folder
    rank: int  # of several files of one model the one of the lowest rank is opened
    # Of a score from the Keras model's; None where the mean difference and the main metrics count instead.
    largest_difference: float | None = None
    calibrated: bool = False  # whether training pictures are needed to write it
