"""How far something is that takes more than a few seconds: a bar, or a line now and then where nothing can move."""

import io
import logging
import sys
from collections.abc import Iterable
from typing import Any

from tqdm import auto, std

log = logging.getLogger("metricfit")

SECONDS = 30.0
"""Between two lines."""
_LINE = "{n_fmt} of {total_fmt}, after {elapsed}, {remaining} left"


class _Lines(std.tqdm):
    """Logs a line where a bar would be drawn: in files, pipes and batch systems."""

    def set_description(self, desc: str | None = None, refresh: bool | None = True) -> None:
        """Name what is done now; without the colon that a bar puts behind it, as the line has its own."""
        self.set_description_str(desc, refresh)

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Say where it stands; not at the beginning, and not for a bar that is wiped away."""
        if msg is None and self.n and self.n != self.total:
            log.info("%s", self)
        return True


def moves() -> bool:
    """Tell whether a bar can move: in a terminal, or in a notebook."""
    return sys.stderr.isatty() or auto.notebook_tqdm is not std.tqdm


def progress(items: Iterable[Any] | None = None, *, quiet: bool = False, **options: Any) -> Any:
    """Give tqdm's bar for items, or to be updated by hand, with tqdm's options; `quiet` shows nothing."""
    if quiet:
        return std.tqdm(items, disable=True, **options)
    if moves():
        return auto.tqdm(items, **options)
    options = {**options, "file": io.StringIO(), "mininterval": SECONDS, "miniters": 1, "smoothing": 0}
    name = "{desc}: step " if options.get("unit") == "step" else "{desc}: "
    return _Lines(items, bar_format=name + _LINE, **options)
