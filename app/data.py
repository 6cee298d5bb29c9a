"""The verbs `data check` and `data show`: look at data before training on them."""

import logging

from ..trainers.data.contact_sheet import contact_sheet
from ..trainers.data.scan import scan
from ..trainers.data.sources import open_source
from ..trainers.errors import DataError
from .options import DataCheckOptions, DataShowOptions
from .reports import made

log = logging.getLogger("metricfit")


def check(options: DataCheckOptions) -> int:
    """Scan a source and list every fault; gives the exit code."""
    faults = scan(open_source(options.source, needs=options.needs), quiet=options.quiet)
    log.info("%s", faults.report(limit=None))
    if faults.faults:
        raise DataError(f"{len(faults.faults)} faults in {options.source}: mend them, or train with --skip-bad")
    return 0


def show(options: DataShowOptions) -> int:
    """Draw a contact sheet of a source; gives the exit code."""
    source = open_source(options.source, needs=options.needs)
    path = contact_sheet(source, options.out, count=options.count, quiet=options.quiet)
    log.info("%s", made([path]))
    return 0
