"""The verb `bench`: speed as ratios inside one run, since machines differ and are noisy."""

import dataclasses
import importlib
import logging
from pathlib import Path

import tensorflow as tf

from ...trainers.errors import UsageError
from ..options import BenchOptions
from ..reports import grid, made, write_csv
from .timing import shown

log = logging.getLogger("metricfit")
# Every timed function is traced once, and TensorFlow would warn of it.
tf.get_logger().setLevel("ERROR")

# What can be measured, for which task, by which "module:function"; the first task is the default.
BENCHMARKS = {
    "losses": {
        "detection": "ranking:bench_losses",
        "saliency": "saliency:bench_losses",
        "segmentation": "segmentation:bench_losses",
    },
    "data": {"saliency": "saliency:bench_data", "detection": "detection:bench_data"},
    "train": {
        "detection": "detection:bench_train",
        "saliency": "saliency:bench_train",
        "segmentation": "segmentation:bench_train",
    },
    "models": {"saliency": "saliency:bench_models", "detection": "detection:bench_models"},
    "metrics": {"saliency": "saliency:bench_metrics"},
}
# Side of the pictures and pictures a step, where none are given.
SIZES = {"saliency": (192, 16), "segmentation": (256, 4), "detection": (512, 4)}


def run(options: BenchOptions) -> int:
    """Run one benchmark; gives the exit code."""
    tasks = BENCHMARKS[options.what]
    task = options.task or next(iter(tasks))
    if task not in tasks:
        raise UsageError(f"bench {options.what} knows no {task}: choose one of {', '.join(tasks)}")
    size, batch_size = SIZES[task]
    options = dataclasses.replace(options, size=options.size or size, batch_size=options.batch_size or batch_size)
    module, function = tasks[task].split(":")
    rows = getattr(importlib.import_module(f"{__package__}.{module}"), function)(options)
    headings = list(rows[0])
    log.info("\n%s\n", grid([headings, *([shown(row[heading]) for heading in headings] for row in rows)]))
    log.info("%s", made([write_csv(Path(options.out) / f"{options.what}_{task}.csv", rows)]))
    return 0
