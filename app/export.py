"""The verb `export`: writes the files, then says what was made and how each compares."""

from ..export import ExportResult, export_run
from ..export.tasks import get_task
from ..trainers.metrics.catalogue import metrics_of
from .options import ExportOptions
from .reports import made, say, table

COLUMNS = ("megabytes", "latency_ms")


def run(options: ExportOptions) -> int:
    """Export a run and say what was made; gives the exit code, 1 where a file was left out, or promises nothing."""
    result = export_run(**vars(options))
    say("\n%s\n", files_table(result))
    say("%s", made(result.made))
    not_promised = options.guarantee and not all(one["guarantee"]["promise"] for one in result.card.files.values())
    return 1 if result.refused or not_promised else 0


def files_table(result: ExportResult) -> str:
    """The exported files with size, latency, measured figures and differences to the Keras model."""
    return table(result.scalars.items(), metrics_of(*COLUMNS, *get_task(result.card.task).columns))
