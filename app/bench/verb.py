"""The verb `bench`: speed as ratios inside one run, since machines differ and are noisy."""

import dataclasses
from pathlib import Path

import tensorflow as tf

from ...trainers.errors import UsageError
from ..options import BenchOptions
from ..reports import grid, made, say, write_csv
from ..tasks import TASKS
from .base import Bench, shown
from .hlo import dump_losses

# Every timed function is traced once, and TensorFlow would warn of it.
tf.get_logger().setLevel("ERROR")


def run(options: BenchOptions) -> int:
    """Run one benchmark; gives the exit code."""
    bench = bench_of(options)
    options = dataclasses.replace(
        options, size=options.size or bench.size, batch_size=options.batch_size or bench.batch_size
    )
    if options.dump_hlo is None:
        rows = bench.tables[options.what](options)
    elif options.what == "losses":
        rows = dump_losses(lambda: bench.programs(options), options)
    else:
        raise UsageError(
            f"--dump-hlo writes the programs of losses: give it to bench losses, not to bench {options.what}"
        )
    headings = list(rows[0])
    say("\n%s\n", grid([headings, *([shown(row[heading]) for heading in headings] for row in rows)]))
    say("%s", made([write_csv(Path(options.out) / f"{options.what}_{bench.name}.csv", rows)]))
    return 0


def bench_of(options: BenchOptions) -> Bench:
    """Find the task whose table is asked for."""
    having = [bench for bench in (task.bench() for task in TASKS.values()) if options.what in bench.tables]
    having.sort(key=lambda bench: options.what not in bench.usual_for)
    for bench in having:
        if options.task in (None, bench.name):
            return bench
    choices = ", ".join(bench.name for bench in having)
    raise UsageError(f"bench {options.what} knows no {options.task}: choose one of {choices}")
