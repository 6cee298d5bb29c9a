"""Isotonic regression by its max-min formula, a mean of every stretch: slow and obvious."""


def isotonic(values, weights):
    """Give the non-decreasing values nearest to these, by weighted squares (Robertson et al., 1988, theorem 1.4.4)."""

    def mean(first, last):
        stretch = range(first, last + 1)
        return sum(values[place] * weights[place] for place in stretch) / sum(weights[place] for place in stretch)

    count = len(values)
    return [
        max(min(mean(first, last) for last in range(place, count)) for first in range(place + 1))
        for place in range(count)
    ]
