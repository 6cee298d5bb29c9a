"""Which boxes are taken for which class, as text."""

from ...trainers.metrics.catalogue import metrics_of
from ...trainers.metrics.confusion import Confusion
from ..reports import grid, table

MOST_IN_GRID = 10  # of more classes a matrix is wider than a page
MOST_MISTAKES = 10
_COLUMNS = ("objects", "right", "mistaken", "missed", "false_finds")


def confusion_tables(confusion: Confusion) -> list[str]:
    """Lay out what becomes of the objects of each class, and which classes are taken for which.

    A few classes are laid out as a matrix, of many those that are mistaken most often.
    """
    laid = [table(confusion.class_scalars.items(), metrics_of(*_COLUMNS))]
    if confusion.classes <= MOST_IN_GRID:
        rows = [[name, *map(str, row)] for name, row in zip(confusion.names, confusion.counts.tolist())]
        rows[-1][-1] = ""  # nothing, where nothing is: nobody counts that
        laid.append(grid([["true / found as", *confusion.names], *rows]))
    elif mistakes := confusion.mistakes(MOST_MISTAKES):
        rows = [[true, found, str(often), f"{often / of:.0%}"] for true, found, often, of in mistakes]
        laid.append(grid([["most often mistaken", "for", "objects", "of them"], *rows]))
    return laid
