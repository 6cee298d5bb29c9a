"""A scanned source together with what the scan has seen of its examples."""

from ..example import Example, Source, View
from .looks import Looks


class Scanned(View):
    """A source whose examples were all looked at; `seen` tells what was found, also of parts of it."""

    def __init__(self, source: Source, looks: Looks):
        super().__init__(source)
        self._looks = looks

    def load(self, index: int) -> Example:
        """As the source has it."""
        return self.source.load(index)

    def seen(self) -> Looks:
        """See `Source`."""
        return self._looks
