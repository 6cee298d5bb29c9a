"""What packing is worth: the training stream of data as they are, packed, and packed and reduced, in turns."""

import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...trainers.data.example import Source
from ...trainers.data.packed.packing import pack
from ...trainers.data.sources import open_source
from ...trainers.geometry import height_width
from ..options import BenchOptions

STEPS = 8  # of a turn
LARGEST = 1_000_000  # as a side; no picture is reduced to it


def bench_packed(task: Any, config: Any, options: BenchOptions) -> list[dict[str, Any]]:
    """Time the training stream, nothing kept in memory: the same pixels, as files and as pixels, and reduced ones.

    The reduced pictures have 4/3 of the network's side.

    The ratio is that of the best rates, as what else the machine does only ever slows; beside it stand the median of
    the ratios of the turns, and the ratio of the processor's time, all cores together.
    """
    plain = task.open_source(options.data, config)
    with tempfile.TemporaryDirectory() as folder:
        sources = {"as it is": plain}
        for name, size in (
            ("packed", None),
            ("packed as pixels", LARGEST),
            ("packed, reduced", max(height_width(config.size)) * 4 // 3),
        ):
            out = str(Path(folder, name.replace(",", "").replace(" ", "_")))
            sources[name] = open_source(
                pack(plain, out, needs=task.needs, size=size, quiet=True).source, needs=task.needs
            )
        turns = [
            {name: _rate(task, replace(config, seed=seed), source) for name, source in sources.items()}
            for seed in range(max(2, options.repeats))
        ]
    rows = []
    for name in sources:
        rates, busy = zip(*(turn[name] for turn in turns))
        others, busy_others = zip(*(turn["as it is"] for turn in turns))
        pairs = statistics.median(rate / other for rate, other in zip(rates, others))
        ratio, spared = max(rates) / max(others), min(busy_others) / min(busy)
        row = {"data": name, "images/s": max(rates), "ratio": ratio, "median of turns": pairs, "processor": spared}
        rows.append(row)
    return rows


def _rate(task: Any, config: Any, source: Source) -> tuple[float, float]:
    """Give pictures a second, and the processor's seconds a picture."""
    stream = iter(task.training_batches(config, source, 0))
    next(stream)
    start, busy = time.perf_counter(), time.process_time()
    for _ in range(STEPS):
        next(stream)
    pictures = STEPS * config.batch_size
    return pictures / (time.perf_counter() - start), (time.process_time() - busy) / pictures
