"""The verb `compare`: losses trained, judged and shown side by side."""

import json
import logging
from pathlib import Path

from ...trainers.comparison import Plan, compare, get_compared, read_entries, read_sweep
from ...trainers.errors import UsageError
from ...trainers.files import write_text
from ..reports import grid, made, write_csv
from .columns import COLUMNS, LEAD, LEAD_OVERALL, row_label
from .options import CompareOptions, training_config
from .report import report
from .results import csv_rows, results

log = logging.getLogger("metricfit")


def run(options: CompareOptions) -> int:
    """Train what is not trained yet, and write the report; gives the exit code."""
    comparison = compare(get_compared(options.task), plan_of(options))
    folder = comparison.plan.out
    log.info("\n%s\n", summary(comparison))
    paths = [
        write_text(folder / "report.html", report(comparison)),
        write_csv(folder / "results.csv", csv_rows(comparison)),
        write_text(folder / "results.json", json.dumps(results(comparison), ensure_ascii=False) + "\n"),
    ]
    log.info("%s", made([*paths, folder / "runs"]))
    return 0


def plan_of(options: CompareOptions) -> Plan:
    """Read what was typed.

    Raises:
        UsageError: it cannot be done so.
    """
    for name in ("seeds", "sweep_seeds"):
        if getattr(options, name) < 1:
            raise UsageError(f"--{name.replace('_', '-')} must be at least 1, got {getattr(options, name)}")
    if not options.test:
        raise UsageError("a comparison needs test data that training has not seen: give --test SOURCE, once for each")
    config = training_config(options)
    trial_epochs = options.trial_epochs or max(1, config.epochs // 4)
    if trial_epochs < 1 or (options.trial_epochs is not None and options.trial_epochs < 1):
        raise UsageError(f"--trial-epochs must be at least 1, got {options.trial_epochs}")
    entries = read_entries(options.losses, options.seeds)
    sweeps = tuple(sweep for text in options.sweep for sweep in read_sweep(text, entries, options.sweep_seeds))
    swept = [(sweep.name, sweep.loss) for sweep in sweeps]
    for name, loss in swept:
        if swept.count((name, loss)) > 1:
            raise UsageError(f"--sweep names {name} of {loss} twice: give all its values in one")
    return Plan(
        config=config,
        entries=entries,
        tests=options.test,
        out=Path(options.out),
        learning_rates=_learning_rates(options.learning_rates),
        trial_epochs=trial_epochs,
        seed=options.seed,
        sweeps=sweeps,
        overwrite=options.overwrite,
    )


def summary(comparison) -> str:
    """Lay out the main figures as text: those that open the report, and behind them the first test set's others."""
    lead, overall = LEAD[comparison.task], LEAD_OVERALL[comparison.task]
    headings = [f"{column.heading} on {name}" for name in comparison.tests for column in lead]
    cells = [["", *headings, *(column.heading for column in overall)]]
    for row in comparison.rows:
        on = [row.on(name)[column.key].text(column.form) for name in comparison.tests for column in lead]
        cells.append([row_label(row), *on, *(row.overall[column.key].text(column.form) for column in overall)])
    tables = [grid(cells)]
    for name in comparison.tests:
        columns = COLUMNS[comparison.task]
        cells = [[name, *(column.heading for column in columns)]]
        for row in comparison.rows:
            known = row.on(name)
            cells.append(
                [row_label(row), *(known[one.key].text(one.form) if one.key in known else "-" for one in columns)]
            )
        tables.append(grid(cells))
    return "\n\n".join(tables)


def _learning_rates(text: str) -> tuple[float, ...]:
    try:
        rates = tuple(dict.fromkeys(float(part) for part in text.split(",")))
    except ValueError:
        rates = ()
    if not rates or not all(0 < rate < float("inf") for rate in rates):
        raise UsageError(f"--learning-rates takes numbers above 0 with commas between them, got {text!r}")
    return rates
