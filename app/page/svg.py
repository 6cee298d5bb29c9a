"""Figures as SVG inside of a page: text stays text, and colours follow the page's light or dark scheme."""

import html
import io
import re

import matplotlib
from matplotlib.figure import Figure

from ...trainers.figures.style import COLOURS, GRID, INK

# What the page calls the colours of `figures.style`, by their lower-case hexadecimal number.
_VARIABLES = {
    INK: "--ink",
    GRID: "--grid",
    "#ffffff": "--paper",
    "#888888": "--axis",
    "#999999": "--axis",
    "#bbbbbb": "--axis",
    **{colour: f"--row{place}" for place, colour in enumerate(COLOURS)},
}
_FONT = re.compile(r"'DejaVu Sans'(?:, *(?:'[^']*'|[\w-]+))*")


def to_svg(figure: Figure, name: str, title: str) -> str:
    """Draw a figure as <svg> without fixed size; `name` sets its parts apart, `title` is for who cannot see."""
    file = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(file, format="svg", transparent=True, metadata={"Date": None})
    text = file.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    box = text.partition('viewBox="')[2].partition('"')[0]
    body = text[text.index(">") + 1 :]
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = re.sub(r'(url\(|href=")#', rf"\1#{name}-", body)
    for colour, variable in _VARIABLES.items():
        body = re.sub(rf"(?i){colour}\b", f"var({variable})", body)
    body = _FONT.sub("var(--font)", body)
    label = html.escape(title)
    return f'<svg viewBox="{box}" role="img" aria-label="{label}">{body.strip()}\n'
