"""How much is decoded at once: threads take turns by the pixels of their pictures, so that memory is enough."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ...machine import memory

BYTES_A_PIXEL = 12
"""What decoding a picture takes at most, with its mask and what is found out about it."""

SHARE = 4
"""One in so many bytes of the machine's memory is for what is being decoded."""


class Turns:
    """Lets threads decode as long as all their pictures together have no more pixels than there is room for.

    A picture larger than all of it is decoded alone. A thread that holds something never waits, so none waits for ever.
    """

    def __init__(self, pixels: int):
        self._room = self._free = pixels
        self._changed = threading.Condition()
        self._held = threading.local()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Keep what this thread takes until the end of the outermost such block."""
        if getattr(self._held, "pixels", None) is not None:
            yield
            return
        self._held.pixels = 0
        try:
            yield
        finally:
            with self._changed:
                self._free += self._held.pixels
                self._held.pixels = None
                self._changed.notify_all()

    def take(self, pixels: int) -> None:
        """Wait until there is room for a picture; outside of `taken` nothing is waited for or held."""
        held = getattr(self._held, "pixels", None)
        if held is None:
            return
        with self._changed:
            if not held:
                self._changed.wait_for(lambda: self._free >= min(pixels, self._room))
            self._free -= pixels
            self._held.pixels = held + pixels


TURNS = Turns(memory() // SHARE // BYTES_A_PIXEL)
