"""A page that is one file: no script, no network, light or dark as the reader has it, readable on a phone."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Template

_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<style>
$style</style>
</head>
<body>
<main>
$body
</main>
</body>
</html>
""")


def page(title: str, parts: Iterable[str]) -> str:
    """Put a page together; the parts are HTML, the title is text."""
    return _PAGE.substitute(title=html.escape(title), style=page_style(), body="\n".join(parts))


def page_style() -> str:
    """Give the looks of all pages, as CSS."""
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8")


def paragraph(text: str) -> str:
    """Make a paragraph of text."""
    return f"<p>{html.escape(text)}</p>"


@dataclass(frozen=True)
class Label:
    """What a line of a table or a figure is called, the place of its colour, and whether it is dashed."""

    text: str
    place: int = 0
    dashed: bool = False

    @property
    def html(self) -> str:
        """Its colour and its text."""
        kind, colour = "swatch" + " dashed" * self.dashed, f"var(--row{self.place % 7})"
        return f'<span class="{kind}" style="border-color: {colour}"></span>{html.escape(self.text)}'


def legend(labels: Iterable[Label]) -> str:
    """Explain colours."""
    entries = "".join(f"<li>{label.html}</li>" for label in labels)
    return f'<ul class="legend">{entries}</ul>'


def table(headings: Sequence[str], rows: Sequence[tuple[str, Sequence[tuple[str, bool]]]]) -> str:
    """Lay out rows, cards on a phone: HTML for the first column, (text, whether it is the best) for each other."""
    head = "".join(f"<th>{html.escape(text)}</th>" for text in headings)
    lines = []
    for first, cells in rows:
        shown = "".join(
            f'<td{" class=best" * best} data-label="{html.escape(heading)}"><span>{_stacked(text)}</span></td>'
            for heading, (text, best) in zip(headings[1:], cells)
        )
        lines.append(f"<tr><th>{first}</th>{shown}</tr>")
    body = f"<thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class="scroll"><table class="figures">{body}</table></div>'


def _stacked(text: str) -> str:
    """Put what follows ± below: columns stay narrow."""
    value, sign, spread = html.escape(text).partition(" ± ")
    return f"{value} <small>± {spread}</small>" if sign else value


def figure(svg: str, caption: str) -> str:
    """Frame a drawing; the caption is text."""
    return f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>"


def grid(parts: Iterable[str], small: bool = False) -> str:
    """Put parts side by side, as many as there is room for."""
    return f'<div class="grid{" small" * small}">{"".join(parts)}</div>'


def folded(summary: str, content: str, *, open_: bool = False) -> str:
    """Hide content behind a line of text."""
    return f"<details{' open' * open_}><summary>{html.escape(summary)}</summary>{content}</details>"
