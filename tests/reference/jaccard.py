"""The Jaccard index of class maps, pixel by pixel and set by set, as lovasz_softmax.md defines it (eq. 3 and 14)."""


def counted_pixels(pictures, ignore):
    """All (picture, row, column) of some pictures whose label counts."""
    return [
        (number, row, column)
        for number, (labels, _) in enumerate(pictures)
        for row in range(len(labels))
        for column in range(len(labels[0]))
        if labels[row][column] != ignore
    ]


def index_of_class(pictures, wanted, ignore):
    """Eq. 3 with 0/0 = 1."""
    places = counted_pixels(pictures, ignore)
    true = {(n, r, c) for n, r, c in places if pictures[n][0][r][c] == wanted}
    found = {(n, r, c) for n, r, c in places if pictures[n][1][r][c] == wanted}
    return len(true & found) / len(true | found) if true | found else 1.0


def miou(pictures, classes, ignore, present):
    """Eq. 14 over some pictures together; None where no pixel counts."""
    places = counted_pixels(pictures, ignore)
    if not places:
        return None
    there = {int(pictures[n][0][r][c]) for n, r, c in places}
    over = [wanted for wanted in range(classes) if wanted in there or not present]
    return sum(index_of_class(pictures, wanted, ignore) for wanted in over) / len(over)


def mean_over(groups, classes, ignore, present):
    """The mean of eq. 14 over groups of pictures."""
    values = [miou(group, classes, ignore, present) for group in groups]
    values = [value for value in values if value is not None]
    return sum(values) / len(values)


def confusion(pictures, classes, ignore):
    """Pixels by true and predicted class."""
    table = [[0] * classes for _ in range(classes)]
    for n, r, c in counted_pixels(pictures, ignore):
        table[pictures[n][0][r][c]][pictures[n][1][r][c]] += 1
    return table
