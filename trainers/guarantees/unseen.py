"""Calibration pictures must be new to the model: neither trained on, nor by which it or its thresholds were chosen."""

from collections.abc import Iterable

from ..data.example import Source
from ..data.shared import shared_examples
from ..errors import DataError


def refuse_seen(known: Iterable[Source], source: Source) -> None:
    """Refuse, with DataError, pictures that are in one of the sources that a model knows."""
    for one in known:
        if seen := shared_examples(one, source):
            raise DataError(
                f"{len(seen)} of the {len(source)} pictures of {source.name} are in {one.name}, on which the model was "
                f"trained or chosen ({seen[0]}): a guarantee needs others, drawn as those to come will be"
            )
