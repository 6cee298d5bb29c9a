"""The report of a comparison as one page: what cannot be had by scaling first, then everything else."""

import html
import json

from ...trainers.comparison import SELECTION, Comparison
from ...trainers.comparison.spread import Spread
from ...trainers.training.run_folder import versions
from .columns import COLUMNS, LEAD, LEAD_OVERALL, Column, row_label, spread_table
from .figures import FIGURES, sweep_figures
from .page import folded, page, paragraph, table
from .results import machine, shared_settings
from .transfer import transfer_section

_LEADS = {
    "saliency": (
        "What scaling cannot move",
        "Multiplying a model's logits by a constant polarises its maps without any training: it raises MeanF and "
        "lowers MAE for nothing, as the row “logits scaled” shows, whose factor was picked by MeanF on the selection "
        "split. It moves neither MaxF (but for what 256 thresholds round away), nor F at threshold 0.5, nor what is "
        "lost when a threshold picked on one set is used on another. That loss is against the set's own best "
        "threshold, averaged over the test sets and, for each, over the other sets on which the threshold was picked, "
        "the selection split among them; it is what one lives with who deploys a model. There are two ways to pick a "
        "threshold: the best one of the other set, or the middle of its band, which are the thresholds around the best "
        "one with at least 99 % of its F. (On a flat curve chance decides which threshold is the best; its middle is "
        "far from where it falls.) All this is measured at thresholds that are even in the logits, from −16 to 16: the "
        "256 of the field all lie in the middle of a polarised map, whatever polarised it, and hide the loss.",
    ),
    "segmentation": (
        "The main figures",
        "Classes are taken by the highest score, so there is no threshold to choose, and scaling the logits changes "
        "nothing.",
    ),
    "detection": (
        "What scaling cannot move",
        "AP and oLRP depend on the order of the scores alone. A threshold does not: the loss is that of F1 at the "
        "threshold that is best on another set, or at the middle of its band (the thresholds around the best one with "
        "at least 99 % of its F1), against the set's own best one, averaged over the test sets and, for each, over the "
        "other sets, the selection split among them. It is what one lives with who deploys a detector.",
    ),
}


def report(comparison: Comparison) -> str:
    """Give the page."""
    rows = colours(comparison)
    title = f"{comparison.task.capitalize()}: {len(comparison.plan.entries)} losses side by side"
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        _setting(comparison),
        _lead(comparison, rows),
        _sets(comparison, rows),
        *FIGURES[comparison.task](comparison, rows),
        transfer_section(comparison, rows),
        _examples(comparison),
        *sweep_figures(comparison),
        _cost(comparison, rows),
        _learning_rates(comparison),
        _settings(comparison),
    ]
    return page(title, parts)


def colours(comparison: Comparison) -> dict[str, tuple[int, bool]]:
    """Give each row its colour by its label; a control has that of its loss, and a dashed line."""
    places, found = {}, {}
    for row in comparison.rows:
        place = places.setdefault(row.entry.label, len(places))
        found[row_label(row)] = place, bool(row.scales)
    return found


def _setting(comparison: Comparison) -> str:
    plan, examples = comparison.plan, comparison.examples
    seeds = sorted({len(row.outcomes) for row in comparison.rows})
    tests = ", ".join(f"{name} ({examples[name]})" for name in comparison.tests)
    return paragraph(
        f"Trained on {plan.config.data} ({examples['training']} pictures), {plan.config.epochs} epochs, "
        f"{plan.config.size} pixels, {' or '.join(map(str, seeds))} seed{'s' * (seeds != [1])} a loss. Epochs, "
        f"learning rates and thresholds were picked on the {SELECTION} ({examples[SELECTION]} pictures); each model "
        f"was evaluated once on {tests}. Figures are means over the seeds ± their sample standard deviation; a single "
        "seed has no spread. The best of each column is marked."
    )


def _lead(comparison: Comparison, rows: dict) -> str:
    heading, text = _LEADS[comparison.task]
    lead, overall = LEAD[comparison.task], LEAD_OVERALL[comparison.task]
    columns = [
        Column(f"{name}/{column.key}", f"{column.heading} on {name}", column.form, column.better)
        for name in comparison.tests
        for column in lead
    ]
    figures = []
    for row in comparison.rows:
        on = {f"{name}/{key}": value for name in comparison.tests for key, value in row.on(name).items()}
        figures.append({**on, **row.overall})
    return f"<h2>{heading}</h2>{paragraph(text)}" + spread_table(rows, [*columns, *overall], figures)


def _sets(comparison: Comparison, rows: dict) -> str:
    parts = ["<h2>Each test set</h2>"]
    for name in comparison.tests:
        figures = [row.on(name) for row in comparison.rows]
        parts.append(f"<h3>{html.escape(name)}</h3>" + spread_table(rows, COLUMNS[comparison.task], figures))
    return "".join(parts)


def _examples(comparison: Comparison) -> str:
    parts = ["<h2>Examples</h2>", paragraph("Spread evenly over each set, none chosen; of the first seed.")]
    for number, name in enumerate(comparison.tests):
        first = comparison.rows[0].outcomes[0].sets[name]["pictures"]
        blocks = []
        for place, example in enumerate(first):
            shown = [("picture", example["image"]), ("truth", example["truth"])]
            shown += [
                (row_label(row), row.outcomes[0].sets[name]["pictures"][place]["found"]) for row in comparison.rows
            ]
            blocks.append('<div class="examples">' + "".join(_example(*one) for one in shown) + "</div>")
        blocks.insert(0, _classes(comparison.rows[0].outcomes[0].sets[name].get("palette", {})))
        parts.append(folded(name, "".join(blocks), open_=number == 0))
    return "".join(parts)


def _classes(palette: dict[str, str]) -> str:
    """Explain the colours of classes, of which there may be none."""
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


def _cost(comparison: Comparison, rows: dict) -> str:
    trained = [row for row in comparison.rows if not row.scales]
    known = [(row, [1e3 * outcome.step_seconds for outcome in row.outcomes if outcome.step_seconds]) for row in trained]
    fastest = min((sum(steps) / len(steps) for _, steps in known if steps), default=None)
    columns = [Column("step", "step, ms", ".0f", 0), Column("ratio", "of the fastest", ".2f", 0),
               Column("minutes", "minutes a run", ".1f", 0)]  # fmt: skip
    figures = []
    for row, steps in known:
        minutes = [outcome.record["seconds"] / 60 for outcome in row.outcomes]
        cells = {"minutes": Spread.of(minutes)}
        if steps:
            cells |= {"step": Spread.of(steps), "ratio": Spread.of([step / fastest for step in steps])}
        figures.append(cells)
    on = machine()
    text = (
        f"The median time of a training step of {comparison.plan.config.batch_size} pictures, reading and augmentation "
        f"included, epochs without their first, on this machine ({on['cores']} cores, "
        f"{', '.join(on['gpus']) or 'no GPU'}). Other work on it shows here."
    )
    kept = {row_label(row): rows[row_label(row)] for row in trained}
    return "<h2>Cost</h2>" + paragraph(text) + spread_table(kept, columns, figures)


def _learning_rates(comparison: Comparison) -> str:
    plan = comparison.plan
    if len(plan.learning_rates) < 2:
        return f"<h2>Learning rate</h2>{paragraph(f'{plan.learning_rates[0]:g} for all, none was searched for.')}"
    chosen = {row.entry.loss: row.learning_rate for row in comparison.rows}
    lines = []
    for loss, trials in comparison.trials.items():
        cells = [
            (f"{trial['score']:.4f}" if "score" in trial else "no number", trial["learning_rate"] == chosen[loss])
            for trial in trials
        ]
        lines.append((html.escape(loss), cells))
    text = (
        f"{len(plan.learning_rates)} trials for each loss, of {plan.trial_epochs} epochs each with the first seed; by "
        f"the task's main figure on the {SELECTION}. The marked one was taken for all seeds and sweeps of the loss."
    )
    return (
        "<h2>Learning rates</h2>" + paragraph(text) + table(["Loss", *map("{:g}".format, plan.learning_rates)], lines)
    )


def _settings(comparison: Comparison) -> str:
    settings = json.dumps({**shared_settings(comparison), "versions": versions()}, indent=1, ensure_ascii=False)
    return "<h2>Settings</h2>" + folded(
        "What every training was told, and the versions of the libraries",
        f'<pre style="white-space: pre-wrap; overflow-wrap: anywhere">{html.escape(settings)}</pre>',
    )
