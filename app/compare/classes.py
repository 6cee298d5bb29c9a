"""Each class in a comparison's report: its figure by loss, with its interval, and which class is taken for which."""

import html
from collections.abc import Sequence

import numpy as np

from ...trainers.comparison import Comparison, Outcome
from ...trainers.comparison.spread import Spread, spreads
from ...trainers.figures.comparison import classes_figure, colour_of
from ...trainers.figures.confusion import confusion_figure
from ...trainers.metrics.catalogue import CATALOGUE
from ...trainers.metrics.confusion import Confusion
from ..page.html import figure, folded, grid, legend, paragraph, table
from ..page.svg import to_svg
from .tables import LabelledRow

MOST_MISTAKES = 10
MOST_BESIDE = 12  # classes of a matrix that takes half of the page's width, not all of it


def class_figures(comparison: Comparison, rows: Sequence[LabelledRow], key: str, about: str) -> list[str]:
    """Draw a figure of each class, of the catalogue's `key`, on each test set; `about` says what it is of."""
    drawn = []
    for number, name in enumerate(comparison.tests):
        known = [by_class(row.outcomes, name, key) for row in rows]
        there = list(dict.fromkeys(kind for one in known for kind in one))
        means = [np.array([one[kind].mean if kind in one else np.nan for kind in there]) for one in known]
        dots = [(row.text, colour_of(row.place), mean) for row, mean in zip(rows, means)]
        shown = classes_figure(dots, there, xlabel=about)
        svg = to_svg(shown, f"classes{number}", f"{CATALOGUE[key].heading} by class on {name}")
        drawn.append(figure(svg, f"{name}. Means over the seeds; a line from the lowest to the highest loss."))
    return ["<h2>Each class</h2>", legend(rows), grid(drawn)]


def by_class(outcomes: Sequence[Outcome], name: str, key: str) -> dict[str, Spread]:
    """Give a figure of the classes that have it on a test set, over the seeds."""
    return spreads(
        {kind: figures[key] for kind, figures in outcome.sets[name]["classes"].items() if key in figures}
        for outcome in outcomes
    )


def interval_tables(comparison: Comparison, rows: Sequence[LabelledRow]) -> list[str]:
    """Lay out AP of each class on each test set: how many objects it has, and for each loss AP and its interval."""
    tables = []
    for name in comparison.tests:
        classes = rows[0].outcomes[0].sets[name]["classes"]
        columns = [[by_class(row.outcomes, name, key) for key in ("ap", "ap_low", "ap_high")] for row in rows]
        lines = []
        for kind, known in classes.items():
            count = [f"{known[key]:.0f}" if key in known else "–" for key in ("pictures", "objects")]
            cells = [*count, *(_with_interval(kind, *column) for column in columns)]
            lines.append((html.escape(kind), [(cell, False) for cell in cells]))
        headings = ["Class", "pictures", "objects", *(row.text for row in rows)]
        tables.append(folded(f"AP by class on {name}", table(headings, lines), open_=len(classes) <= 20))
    text = (
        "AP of each class, mean over the seeds. In brackets where it lies with 95 % over sets of such pictures, by the "
        "bootstrap over them, the ends averaged over the seeds; a class that one picture alone has, has none."
    )
    return [paragraph(text), *tables]


def _with_interval(kind: str, ap: dict[str, Spread], low: dict[str, Spread], high: dict[str, Spread]) -> str:
    if kind not in ap:
        return "–"
    text = CATALOGUE["ap"].text(ap[kind].mean)
    return f"{text} ({low[kind].mean:.3f} to {high[kind].mean:.3f})" if kind in low else text


def confusion_sections(comparison: Comparison, rows: Sequence[LabelledRow]) -> list[str]:
    """Draw which class boxes are taken for, of the first seed of each loss; nothing where it was not measured."""
    parts = []
    for number, name in enumerate(comparison.tests):
        for place, row in enumerate(rows):
            kept = row.outcomes[0].sets[name]
            if "confusion" not in kept:  # of an older version
                continue
            confusion = Confusion(np.array(kept["confusion"]), tuple(kept["confusion_names"]), background=True)
            title = f"Confusion of {row.text} on {name}"
            svg = to_svg(confusion_figure(confusion), f"confusion{number}-{place}", title)
            drawn = figure(svg, f"{row.text} on {name}, first seed: each row in percent.")
            drawn = grid([drawn]) if confusion.classes <= MOST_BESIDE else drawn
            parts.append(folded(f"{row.text} on {name}", drawn + _mistakes(confusion)))
    if not parts:
        return []
    text = (
        "Boxes that reach the threshold of their class, where its LRP is smallest, take the true box that they overlap "
        "most, surest first and of all classes together (IoU at least .5). The row of the background is what is found "
        "where nothing is, its column what is missed."
    )
    return ["<h2>Which class is taken for which</h2>", paragraph(text), *parts]


def _mistakes(confusion: Confusion) -> str:
    lines = [
        (html.escape(true), [(found, False), (str(often), False), (f"{often / of:.0%}", False)])
        for true, found, often, of in confusion.mistakes(MOST_MISTAKES)
    ]
    return table(["Most often mistaken", "for", "objects", "of them"], lines) if lines else ""
