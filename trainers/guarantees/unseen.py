"""Calibration pictures must be new to the model: neither trained on, nor by which it or its thresholds were chosen."""

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from ..data.example import Source
from ..data.shared import shared_examples
from ..errors import DataError

KEPT = 100
"""Of how many pictures a card keeps fingerprints: of 3 % of all that it knows, one is there 95 times in 100."""


def refuse_seen(known: Iterable[Source], source: Source) -> None:
    """Refuse, with DataError, pictures that are in one of the sources that a model knows."""
    for one in known:
        if seen := shared_examples(one, source):
            raise DataError(
                f"{len(seen)} of the {len(source)} pictures of {source.name} are in {one.name}, on which the model was "
                f"trained or chosen ({seen[0]}): a guarantee needs others, drawn as those to come will be"
            )


def fingerprint(image: np.ndarray) -> str:
    """Tell a picture from others by its pixels, whatever its name: 16 hexadecimal digits."""
    return hashlib.sha256(f"{image.dtype} {image.shape}".encode() + image.tobytes()).hexdigest()[:16]


def fingerprints(sources: Sequence[Source], count: int = KEPT) -> list[str]:
    """Give fingerprints of `count` pictures at most, as many of each source and spread evenly over it."""
    found = set[str]()
    for source in sources:
        places = np.unique(np.linspace(0, len(source) - 1, min(count // len(sources), len(source))).astype(int))
        found.update(fingerprint(source.load(place).image) for place in places.tolist())
    return sorted(found)
