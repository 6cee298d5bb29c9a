"""The verb `data convert`: data in another layout."""

import logging
from dataclasses import replace
from pathlib import Path

from ...trainers.data.scan.scanner import checked_source
from ...trainers.data.writing.convert import convert
from ...trainers.errors import UsageError
from ...trainers.text import counted
from ..reports import made
from .look import coding_of_data, needs_of
from .options import DataConvertOptions
from .outside import refuse_within

log = logging.getLogger("metricfit")


def run(options: DataConvertOptions) -> int:
    """Scan a source, write it in another layout, and say what changed; gives the exit code."""
    out = Path(options.out).expanduser()
    refuse_within(out, options.source, "--out")
    if out.exists():
        raise UsageError(f"{out} exists already: remove it, or give another --out")
    needs = needs_of(options)
    coding, files = coding_of_data(options, needs)
    source = checked_source(
        options.source, needs=needs, skip_bad=options.skip_bad, strict=options.strict, quiet=options.quiet,
        coding=coding, files=replace(files, whole=True), cache=options.scan_cache,
    )  # fmt: skip
    done = convert(source, options.to, out, needs=needs, quiet=options.quiet)
    for text, count in done.changed.items():
        log.info("%s (%s)", text, counted(count, "time"))
    log.info("%s, opened as  %s", counted(done.examples, "example"), done.source)
    log.info("%s", made([out]))
    return 0
