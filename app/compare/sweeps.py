"""Sweeps in a comparison's report: the scores over a hyperparameter, and a table of its values."""

import html

from ...trainers.comparison import Comparison
from ...trainers.comparison.plan import as_key
from ...trainers.figures.comparison import sweep_figure
from ..page.html import Label, figure, folded, grid
from ..page.svg import to_svg
from .presentation import Presentation
from .tables import figures_on, spread_table


def sweep_sections(comparison: Comparison, presentation: Presentation) -> list[str]:
    """Draw and lay out what each hyperparameter does, as parts of the page."""
    parts = []
    for (name, loss), rows in comparison.sweeps.items():
        drawn, tables = [], []
        labels = [Label(f"{name} = {value}", place) for place, value in enumerate(rows)]
        for number, test in enumerate(comparison.tests):
            scores = presentation.swept(list(rows.values()), test)
            shown, title = sweep_figure(list(rows), scores, xlabel=name), f"{', '.join(scores)} over {name} on {test}"
            svg = to_svg(shown, f"sweep-{as_key(loss)}-{name}-{number}", title)
            drawn.append(figure(svg, test))
            figures = [figures_on(row, test) for row in rows.values()]
            table = spread_table(labels, presentation.set_columns(), figures, first=name)
            tables.append(folded(test, table, open_=number == 0))
        parts += [f"<h2>{html.escape(loss)} by {html.escape(name)}</h2>", grid(drawn), *tables]
    return parts
