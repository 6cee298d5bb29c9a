"""What a user says of how masks and class maps are written in files, for the sources that read such files."""

from dataclasses import dataclass

from ...errors import UsageError


@dataclass(frozen=True)
class FileCoding:
    """How masks and labels are written; by default nothing is said, and only what is plain is read.

    Attributes:
        threshold: soft masks, such as grey or JPEG ones: the share of their full range from which a pixel is salient.
        resize: bring masks and labels of another size to that of their picture.
        colours: labels in colour: a file that maps colours to classes.
    """

    threshold: float | None = None
    resize: bool = False
    colours: str | None = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise UsageError(
                f"--mask-threshold is a share of a mask's range, above 0 and at most 1; got {self.threshold}"
            )
