"""The verb `compare`: losses trained, judged and shown side by side."""

import json
from collections import Counter
from pathlib import Path

from ...trainers.comparison import Comparison, Plan, compare, read_entries, read_sweep
from ...trainers.errors import UsageError
from ...trainers.files import write_text
from ...trainers.tasks import get_task
from ..reports import made, say, table, write_csv
from ..tasks import TASKS
from .options import CompareOptions, training_config
from .presentation import Presentation
from .report import report
from .tables import figures_on, labelled


def run(options: CompareOptions) -> int:
    """Compare, and say what was found; gives the exit code."""
    comparison, paths = compare_losses(options)
    say("\n%s\n", summary(comparison, TASKS[options.task].presentation()))
    say("%s", made([*paths, comparison.plan.out / "runs"]))
    return 0


def compare_losses(options: CompareOptions) -> tuple[Comparison, list[Path]]:
    """Train what is not trained yet, and write the report; gives what was found, and the files."""
    comparison, presentation = compare(get_task(options.task), plan_of(options)), TASKS[options.task].presentation()
    folder = comparison.plan.out
    paths = [
        write_text(folder / "report.html", report(comparison, presentation)),
        write_csv(folder / "results.csv", comparison.csv_rows()),
        write_text(folder / "results.json", json.dumps(comparison.to_dict(), ensure_ascii=False) + "\n"),
    ]
    return comparison, paths


def plan_of(options: CompareOptions) -> Plan:
    """Read what was typed."""
    for name in ("seeds", "sweep_seeds", "trial_epochs"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be at least 1, got {value}")
    if not options.test:
        raise UsageError("a comparison needs test data that training has not seen: give --test SOURCE, once for each")
    config = training_config(options)
    entries = read_entries(options.losses, options.seeds, type(config))
    sweeps = tuple(
        sweep for text in options.sweep for sweep in read_sweep(text, entries, options.sweep_seeds, type(config))
    )
    for (name, loss), count in Counter((sweep.name, sweep.loss) for sweep in sweeps).items():
        if count > 1:
            raise UsageError(f"--sweep names {name} of {loss} twice: give all its values in one")
    trial_epochs, rates = options.trial_epochs or max(1, config.epochs // 4), _learning_rates(options.learning_rates)
    return Plan(
        config, entries, options.test, Path(options.out), learning_rates=rates, trial_epochs=trial_epochs,
        seed=options.seed, sweeps=sweeps, overwrite=options.overwrite,
    )  # fmt: skip


def summary(comparison: Comparison, presentation: Presentation) -> str:
    """Lay out the tables of the report as text: the one that opens it, and that of each test set."""
    labels = [row.text for row in labelled(comparison)]
    lead, figures = presentation.lead_table(comparison)
    tables = [table(zip(labels, figures), lead)]
    for name in comparison.tests:
        known = [figures_on(row, name) for row in comparison.rows]
        tables.append(table(zip(labels, known), presentation.set_columns(), corner=name))
    return "\n\n".join(tables)


def _learning_rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        rates = ()
    if not rates or not all(0 < rate < float("inf") for rate in rates):
        raise UsageError(f"--learning-rates takes numbers above 0 with commas between them, got {text!r}")
    return rates
