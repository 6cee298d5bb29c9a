"""Repeat factors as LVIS has them, as slow, obvious loops."""

import math


def factors(pictures, share):
    """Give how often each picture is to come (Gupta et al., 2019, section 4.1), of the set of classes of each."""
    having = {}
    for classes in pictures:
        for kind in classes:
            having[kind] = having.get(kind, 0) + 1
    of_class = {kind: max(1.0, math.sqrt(share / (count / len(pictures)))) for kind, count in having.items()}
    return [max([of_class[kind] for kind in classes], default=1.0) for classes in pictures]


def round_of(factors, order, length, offset):
    """Give the pictures of a round, before they are shuffled: as one walks along their factors in whole steps.

    Args:
        factors: of the pictures.
        order: in which they lie in line.
        length: how long the line is made.
        offset: where the first step is, from 0 to 1.
    """
    stretch, taken, place, end = length / sum(factors), [], 0, 0.0
    end = factors[order[0]] * stretch
    for step in range(length):
        while step + offset >= end and place < len(order) - 1:
            place += 1
            end += factors[order[place]] * stretch
        taken.append(order[place])
    return taken
