"""The verbs `data check` and `data show`: look at data before training on them."""

import logging
import shlex

from ..trainers.data.example import Source
from ..trainers.data.labels import LabelCoding, with_coding
from ..trainers.data.scan.contact_sheet import contact_sheet
from ..trainers.data.scan.scanner import counted, scan
from ..trainers.data.sources import open_source, usual_needs
from ..trainers.errors import DataError, UsageError
from .options import DataCheckOptions, DataOptions, DataShowOptions
from .reports import made

log = logging.getLogger("metricfit")


def check(options: DataCheckOptions) -> int:
    """Scan a source and list every fault, repair and note; gives the exit code. Faults are a `DataError`."""
    needs = _needs(options)
    faults = scan(_open(options, needs), needs=needs, quiet=options.quiet)
    log.info("%s", faults.report(limit=None))
    if faults.repaired:
        log.info("what was repaired is used as mended; a training or evaluation with --strict stops at it")
    if faults.sentences:
        or_skip = "" if faults.doubts else ", or let a training or evaluation leave those examples out with --skip-bad"
        raise DataError(f"{counted(len(faults.sentences), 'fault')} in {options.source}: mend what is listed{or_skip}")
    return 0


def _needs(options: DataOptions) -> str:
    if options.needs != "auto":
        return options.needs
    return "labels" if options.classes or options.ignore else usual_needs(options.source)


def _open(options: DataOptions, needs: str) -> Source:
    """Open a source; class maps whose classes nobody names keep the values of their files."""
    if needs != "labels" and (options.classes or options.ignore):
        raise UsageError(f"--classes and --ignore are for labels, --needs is {needs}: leave one of them away")
    source = open_source(options.source, needs=needs)
    for line in source.recognised:
        log.info("%s", line)
    if needs == "labels" and (source.class_names or options.classes or options.ignore):
        return with_coding(source, LabelCoding(options.classes, options.ignore))
    return source


def show(options: DataShowOptions) -> int:
    """Draw a contact sheet of a source and say what of it cannot be used; gives the exit code."""
    usual, needs = usual_needs(options.source), _needs(options)
    source = _open(options, needs)
    sheet = contact_sheet(source, options.out, needs=needs, count=options.count, quiet=options.quiet)
    log.info("%s", made([sheet.path]))
    structural = [sentence for _, sentence in source.structural_faults]
    unusable = f"{len(sheet.faults)} of the {counted(sheet.shown, 'example')} shown cannot be used"
    lines = [unusable] if sheet.faults else []
    lines += structural[:3]
    if len(structural) > 3:
        lines.append(f"... and {len(structural) - 3} more such faults")
    if lines:
        flag = "" if needs == usual else f" --needs {needs}"
        lines.append(f"every fault:  metricfit data check {shlex.quote(options.source)}{flag}")
        log.warning("%s", "\n".join(lines))
    return 0
