"""The report of a comparison as one page: what cannot be had by scaling first, then everything else."""

import html
import json
from collections.abc import Mapping, Sequence

from ...trainers.comparison import SELECTION, Comparison
from ...trainers.comparison.result import machine
from ...trainers.comparison.spread import Spread
from ...trainers.geometry import size_text
from ...trainers.metrics.catalogue import Metric
from ...trainers.text import counted
from ...trainers.training.run_folder import versions
from ..page.html import folded, page, paragraph, table
from .presentation import Presentation
from .sweeps import sweep_sections
from .tables import LabelledRow, figures_on, labelled, spread_table
from .transfer import transfer_section
from .verdict import verdict


def report(comparison: Comparison, presentation: Presentation) -> str:
    """Give the page."""
    rows = labelled(comparison)
    what = "systems" if any(entry.settings for entry in comparison.plan.entries) else "losses"
    title = f"{comparison.task.capitalize()}: {len(comparison.plan.entries)} {what} side by side"
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        verdict(comparison, rows, presentation),
        _setting(comparison),
        f"<h2>{presentation.heading}</h2>",
        paragraph(presentation.opening),
        spread_table(rows, *presentation.lead_table(comparison)),
        _sets(comparison, rows, presentation),
        *presentation.figures(comparison, rows),
        transfer_section(comparison, rows, presentation),
        _examples(comparison, rows),
        *sweep_sections(comparison, presentation),
        _cost(comparison, rows),
        _learning_rates(comparison),
        _settings(comparison),
    ]
    return page(title, parts)


def _setting(comparison: Comparison) -> str:
    plan, examples = comparison.plan, comparison.examples
    seeds = sorted({len(row.outcomes) for row in comparison.rows})
    tests = ", ".join(f"{name} ({examples[name]})" for name in comparison.tests)
    return paragraph(
        f"Trained on {plan.config.data} ({examples['training']} pictures), {plan.config.epochs} epochs, "
        f"{size_text(plan.config.size)} pixels, {' or '.join(map(str, seeds))} seed{'s' * (seeds != [1])} a loss. "
        f"Epochs, learning rates and thresholds were picked on the {SELECTION} ({examples[SELECTION]} pictures); each "
        f"model was evaluated once on {tests}. Figures are means over the seeds ± their sample standard deviation; a "
        "single seed has no spread. The best of each column is marked."
    )


def _sets(comparison: Comparison, rows: Sequence[LabelledRow], presentation: Presentation) -> str:
    parts = ["<h2>Each test set</h2>"]
    for name in comparison.tests:
        figures = [figures_on(row, name) for row in comparison.rows]
        parts.append(f"<h3>{html.escape(name)}</h3>" + spread_table(rows, presentation.set_columns(), figures))
    return "".join(parts)


def _examples(comparison: Comparison, rows: Sequence[LabelledRow]) -> str:
    parts = ["<h2>Examples</h2>", paragraph("Spread evenly over each set, none chosen; of the first seed.")]
    for number, name in enumerate(comparison.tests):
        kept = [row.outcomes[0].sets[name] for row in rows]
        blocks = [_classes(kept[0].get("palette", {}))]
        for place, example in enumerate(kept[0]["pictures"]):
            shown = [("picture", example["image"]), ("truth", example["truth"])]
            shown += [(row.text, one["pictures"][place]["found"]) for row, one in zip(rows, kept)]
            blocks.append('<div class="examples">' + "".join(_example(*one) for one in shown) + "</div>")
        parts.append(folded(name, "".join(blocks), open_=number == 0))
    return "".join(parts)


def _classes(palette: Mapping[str, str]) -> str:
    """Explain the colours of classes, if any."""
    entries = "".join(
        f'<li><span class="swatch" style="border-color: {colour}"></span>{html.escape(name)}</li>'
        for name, colour in palette.items()
    )
    return f'<ul class="legend">{entries}</ul>' if entries else ""


def _example(label: str, uri: str) -> str:
    text = html.escape(label)
    # Names of losses are long words: they may break where they have an underscore.
    shown = text.replace("_", "_<wbr>")
    return f'<figure><img src="{uri}" alt="{text}"><figcaption>{shown}</figcaption></figure>'


def _cost(comparison: Comparison, rows: Sequence[LabelledRow]) -> str:
    trained = [row for row in rows if not row.dashed]
    known = [[1e3 * one.step_seconds for one in row.outcomes if one.step_seconds] for row in trained]
    fastest = min((sum(steps) / len(steps) for steps in known if steps), default=0.0)
    wanted = (("step", "step, ms", ".0f"), ("ratio", "of the fastest", ".2f"), ("minutes", "minutes a run", ".1f"))
    columns = [Metric(*column, None, "") for column in wanted]
    figures = []
    for row, steps in zip(trained, known):
        cells = {"minutes": Spread.of([one.record["seconds"] / 60 for one in row.outcomes])}
        if steps:
            cells |= {"step": Spread.of(steps), "ratio": Spread.of([step / fastest for step in steps])}
        figures.append(cells)
    on = machine()
    text = (
        f"The median time of a training step of {comparison.plan.config.batch_size} pictures, reading and augmentation "
        f"included, epochs without their first, on this machine ({counted(on['cores'], 'core')}, "
        f"{', '.join(on['gpus']) or 'no GPU'}). Other work on it shows here."
    )
    return "<h2>Cost</h2>" + paragraph(text) + spread_table(trained, columns, figures)


def _learning_rates(comparison: Comparison) -> str:
    plan = comparison.plan
    chosen = {row.entry.name: row.learning_rate for row in comparison.rows}
    given = [f"{chosen[name]:g} for {name}" for name, trials in comparison.trials.items() if not trials]
    if len(given) == len(chosen):
        text = ", ".join(given) if len(set(chosen.values())) > 1 else f"{next(iter(chosen.values())):g} for all"
        return f"<h2>Learning rate</h2>{paragraph(f'{text}; none was searched for.')}"
    lines = []
    for name, trials in comparison.trials.items():
        told = [f"{trial['score']:.4f}" if "score" in trial else "no number" for trial in trials]
        marked = [trial["learning_rate"] == chosen[name] for trial in trials]
        if trials:
            lines.append((html.escape(name), list(zip(told, marked))))
    text = (
        f"{len(plan.learning_rates)} trials for each loss, of {plan.trial_epochs} epochs each with the first seed; by "
        f"the task's main figure on the {SELECTION}. The marked one was taken for all seeds and sweeps of the loss."
        + (f" Given, and not searched for: {', '.join(given)}." if given else "")
    )
    headings = ["Loss", *map("{:g}".format, plan.learning_rates)]
    return "<h2>Learning rates</h2>" + paragraph(text) + table(headings, lines)


def _settings(comparison: Comparison) -> str:
    settings = json.dumps({**comparison.shared_settings, "versions": versions()}, indent=1, ensure_ascii=False)
    return "<h2>Settings</h2>" + folded(
        "What every training was told, and the versions of the libraries",
        f'<pre style="white-space: pre-wrap; overflow-wrap: anywhere">{html.escape(settings)}</pre>',
    )
