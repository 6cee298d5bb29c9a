"""The verb `export`: writes the files, then says what was made and how each compares."""

import logging

from ..export import export_run
from ..export.card import read_card
from ..export.tasks.base import get_task
from ..trainers.metrics.catalogue import Metric
from .options import ExportOptions
from .reports import made, table

log = logging.getLogger("metricfit")

COLUMNS = (Metric("megabytes", "MB", ".2f", False, ""), Metric("latency_ms", "ms", ".1f", False, ""))


def run(options: ExportOptions) -> int:
    """Export a run; gives the exit code."""
    paths = export_run(
        options.run,
        options.to,
        formats=options.formats,
        quantize=options.quantize,
        data=options.data,
        val=options.val,
        tests=options.test,
        name=options.name,
        data_terms=options.data_terms,
        limits=options.limits,
        overwrite=options.overwrite,
        quiet=options.quiet,
        seed=options.seed,
    )
    log.info("\n%s\n", files_table(options.to))
    log.info("%s", made(paths))
    return 0


def files_table(folder) -> str:
    """The exported files of a folder with size, latency, measured figures and difference to the Keras model."""
    card, rows = read_card(folder), []
    for name, entry in card.files.items():
        values = {"megabytes": entry["bytes"] / 1e6, "latency_ms": entry["latency_ms"]}
        rows.append((name, values | entry["metrics"] | entry["parity"]))
    return table(rows, [*COLUMNS, *(Metric(*column, None, "") for column in get_task(card.task).columns)])
