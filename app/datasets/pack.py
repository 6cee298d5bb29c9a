"""The verb `data pack`: data in a few large files."""

import logging

from ...trainers.data.packed.packing import pack, refuse_existing
from ...trainers.data.packed.places import local_path
from ...trainers.data.scan.scanner import checked_source
from ...trainers.data.sources import names_clips
from ...trainers.errors import UsageError
from ...trainers.text import counted
from ...trainers.training.ranges import check_ranges
from ..reports import made
from .look import coding_of_data, needs_of
from .options import DataPackOptions
from .outside import refuse_within

log = logging.getLogger("metricfit")


def run(options: DataPackOptions) -> int:
    """Scan a source, pack it, and say how its pictures were stored; gives the exit code."""
    check_ranges(options)
    if names_clips(options.source):
        raise UsageError(
            f"packed data do not keep which frame of {options.source} follows which: pack the pictures that the clips "
            "are made of, and give clips:packed:DIR"
        )
    if (path := local_path(options.to)) is not None:
        refuse_within(path, options.source, "--to")
    refuse_existing(options.to)
    needs = needs_of(options)
    coding, files = coding_of_data(options, needs)
    source = checked_source(
        options.source, needs=needs, skip_bad=options.skip_bad, strict=options.strict, quiet=options.quiet,
        coding=coding, files=files,
    )  # fmt: skip
    done = pack(
        source, options.to, needs=needs, shards=options.shards, size=options.size, file_format=options.file_format,
        left_out=len(source.left_out), quiet=options.quiet,
    )  # fmt: skip
    manifest = done.manifest
    for how, count in manifest.pictures.items():
        log.info("%s %s", counted(count, "picture"), how)
    log.info(
        "%s in %s, %.1f MB, opened as  %s", counted(manifest.examples, "example"),
        counted(len(manifest.shards), "file"), sum(shard.bytes for shard in manifest.shards) / 1e6, done.source,
    )  # fmt: skip
    log.info("%s", made([options.to]))
    return 0
