"""The report's first words: which loss won, and whether the seeds and pictures can tell."""

from collections.abc import Sequence
from math import comb

from ...trainers.comparison import Comparison
from ...trainers.metrics.catalogue import Metric
from ..page.html import paragraph
from .presentation import Presentation
from .tables import LabelledRow

FEW_PICTURES = 100
"""Below that, which pictures a test set holds moves its figures by more than losses usually differ."""


def verdict(comparison: Comparison, rows: Sequence[LabelledRow], presentation: Presentation) -> str:
    """Say it in plain words, a paragraph for each test set, by the first figure of the task."""
    metric = presentation.metric(presentation.lead[0])
    trained = [row for row in rows if not row.dashed]
    told = [_on(name, trained, metric, comparison.examples[name]) for name in comparison.tests]
    seeds = min(len(row.outcomes) for row in trained)
    if seeds < 3:
        told.append(
            f"{'One seed decides' if seeds == 1 else 'Two seeds decide'} nothing: the same loss trained again gives "
            "another figure. The same command with --seeds 3 adds what is missing."
        )
    return "<h2>In short</h2>" + "".join(map(paragraph, told))


def _on(name: str, rows: Sequence[LabelledRow], metric: Metric, pictures: int) -> str:
    """Compare the best row with the others on a test set: seeds that do not overlap tell them apart."""
    values = {row.text: [metric.sign * one.figures(name)[metric.key] for one in row.outcomes] for row in rows}
    ranked = sorted(values, key=lambda text: -sum(values[text]) / len(values[text]))
    best, *others = ranked
    texts = {text: metric.text(metric.sign * sum(values[text]) / len(values[text])) for text in ranked}
    told = f"On {name}, {pictures} pictures: {metric.heading} is {texts[best]} with {best}"
    told += f", {', '.join(f'{texts[text]} with {text}' for text in others)}." if others else "."
    apart = [text for text in others if min(values[best]) > max(values[text])]
    close = [text for text in others if text not in apart]
    if min(map(len, values.values())) >= 3:
        if apart:
            # In so many orders of two losses' models do those of one of them come first, and there are two of them.
            once = min(comb(len(values[best]) + len(values[text]), len(values[text])) // 2 for text in apart)
            told += (
                f" Each of its {len(values[best])} models is better than each one of {_listed(apart)}, which equal "
                f"losses would show once in {once} times."
            )
        if close:
            told += f" The models of {best} and {_listed(close)} overlap: these seeds do not tell them apart."
    if pictures < FEW_PICTURES:
        told += f" {pictures} pictures are few: others could turn the order round."
    return told


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
