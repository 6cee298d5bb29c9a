"""The verb `export`: writes the files, then says what was made and how each compares."""

import logging

from ..export import export_run
from ..export.card import read_card
from .options import ExportOptions
from .reports import made, table

log = logging.getLogger("metricfit")

COLUMNS = (
    ("megabytes", "MB", ".2f"),
    ("latency_ms", "ms", ".1f"),
    ("max_f", "MaxF", ".3f"),
    ("mean_f", "MeanF", ".3f"),
    ("mae", "MAE", ".3f"),
    ("largest_difference", "largest diff.", ".1e"),
    ("mean_difference", "mean diff.", ".1e"),
)


def run(options: ExportOptions) -> int:
    """Export a run; gives the exit code."""
    paths = export_run(
        options.run,
        options.to,
        formats=options.formats,
        quantize=options.quantize,
        data=options.data,
        val=options.val,
        name=options.name,
        data_terms=options.data_terms,
        overwrite=options.overwrite,
        quiet=options.quiet,
        seed=options.seed,
    )
    log.info("\n%s\n", files_table(options.to))
    log.info("%s", made(paths))
    return 0


def files_table(folder) -> str:
    """The exported files of a folder with size, latency, measured figures and difference to the Keras model."""
    rows = []
    for name, entry in read_card(folder).files.items():
        values = {"megabytes": entry["bytes"] / 1e6, "latency_ms": entry["latency_ms"]}
        rows.append((name, values | entry["metrics"] | entry["parity"]))
    return table(rows, COLUMNS)
