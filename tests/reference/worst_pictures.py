"""The mean over the worst pictures of a batch, with exact fractions and a sorted list."""

import math
from collections.abc import Sequence
from fractions import Fraction


def worst_mean(values: Sequence[float], share: str) -> tuple[float, list[int]]:
    """Give the mean of the largest of a batch's values, and the places of these; the share as it is written."""
    count = math.ceil(Fraction(share) * len(values))
    places = sorted(range(len(values)), key=lambda place: (-values[place], place))[:count]
    return sum(values[place] for place in places) / count, sorted(places)
