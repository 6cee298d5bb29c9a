"""What it costs to look at each training step before it is taken: the same step with and without its guard."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ...trainers.training.devices.metric_states import build_metrics
from ...trainers.training.faults.guarded_step import GuardedStep
from ...trainers.training.optimizer import build_optimizer
from ..options import BenchOptions

WARM = 3  # steps that are not timed


def bench_guard(task: Any, config: Any, options: BenchOptions) -> list[dict[str, Any]]:
    """Time a whole training step of a task in pairs, plain and guarded, in turns.

    The ratio is that of the best times, as what else the machine does only ever adds; beside it stands the median of
    the ratios of the pairs, and the ratio of the processor's time, all cores together.
    """
    source = task.open_source(options.data, config)
    batch = next(iter(task.training_batches(config, source, 0)))
    plain, guarded = (_step(task, config, source, batch, guarded=guarded) for guarded in (False, True))
    for _ in range(WARM):
        plain()
        guarded()
    pairs = [_pair(plain, guarded, swapped=bool(turn % 2)) for turn in range(max(2, options.repeats))]
    seconds, others = zip(*(pair["seconds"] for pair in pairs))
    busy, busy_others = zip(*(pair["processor"] for pair in pairs))
    rows = [{"step": "plain", "best ms": 1e3 * min(seconds), "ratio": 1.0, "median of pairs": 1.0, "processor": 1.0}]
    rows.append(
        {
            "step": "guarded",
            "best ms": 1e3 * min(others),
            "ratio": min(others) / min(seconds),
            "median of pairs": statistics.median(other / one for one, other in zip(seconds, others)),
            "processor": min(busy_others) / min(busy),
        }
    )
    return rows


def _step(task: Any, config: Any, source: Any, batch: Any, *, guarded: bool) -> Callable[[], object]:
    model = task.build_model(config, source)
    task.compile_model(model, config, build_optimizer(config, 1000), source)
    again = tf.data.Dataset.from_tensors(batch).repeat()
    build_metrics(model, again)
    guard = GuardedStep(model) if guarded else None
    model.make_train_function()
    batches = iter(again)

    def step() -> object:
        loss = float(model.train_function(batches)["loss"])
        return loss if guard is None else (loss, guard.verdict())

    return step


def _pair(
    plain: Callable[[], object], guarded: Callable[[], object], *, swapped: bool
) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for name, action in (
        (("guarded", guarded), ("plain", plain)) if swapped else (("plain", plain), ("guarded", guarded))
    ):
        start = time.perf_counter(), time.process_time()
        action()
        found[name] = time.perf_counter() - start[0], time.process_time() - start[1]
    return {
        kind: (found["plain"][index], found["guarded"][index]) for index, kind in enumerate(("seconds", "processor"))
    }
