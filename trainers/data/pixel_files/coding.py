"""What a user says of how pictures, masks and class maps are read from files."""

from dataclasses import dataclass

from ...errors import UsageError


@dataclass(frozen=True)
class FileCoding:
    """How pictures are read, and masks and labels written; by default only what is plain is read.

    Attributes:
        threshold: soft masks, such as grey or JPEG ones: the share of their full range from which a pixel is salient.
        resize: bring masks and labels of another size to that of their picture.
        colours: labels in colour: a file that maps colours to classes.
        max_megapixels: larger pictures are refused; None is what Pillow opens, or the environment says.
        whole: large pictures are read in all their pixels, too; not, as networks see them.
    """

    threshold: float | None = None
    resize: bool = False
    colours: str | None = None
    max_megapixels: float | None = None
    whole: bool = False

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold <= 1:
            raise UsageError(
                f"--mask-threshold is a share of a mask's range, above 0 and at most 1; got {self.threshold}"
            )
        if self.max_megapixels is not None and not self.max_megapixels > 0:
            raise UsageError(f"--max-megapixels must be above 0, such as 500; got {self.max_megapixels}")
