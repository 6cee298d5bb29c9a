"""The table of `bench losses` for detection: ranking losses without the pairs, beside the loop over the positives."""

import json
import logging
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ... import losses
from ..options import BenchOptions
from .base import MODES, Table, interleaved, value_and_gradients
from .hlo import Program
from .loop import loop_over_positives

log = logging.getLogger("metricfit")

SLOW = 4e9  # pairs from which on the loop runs once


class Case(NamedTuple):
    """A batch of so many entries and positives, logits within delta if fresh; `classes` makes rows, each one box."""

    entries: int
    positives: int
    fresh: bool = False
    classes: int = 0

    def __str__(self) -> str:
        return f"{_short(self.entries)} x {_short(self.positives)}" + (", fresh" if self.fresh else "")


SMALL, FRESH = Case(1_000_000, 1_000), Case(1_000_000, 1_000, fresh=True)
MORE_POSITIVES, MORE_ENTRIES, LARGE = Case(1_000_000, 4_000), Case(4_000_000, 1_000), Case(4_000_000, 4_000)
# What TensorFlow and its compiler hold whatever the batch is
TINY = Case(100_000, 100)
# COCO: 49 104 anchors, 80 classes, 8 pictures
HUGE = Case(31_426_560, 5_000, classes=80)
CASES = (SMALL, FRESH, MORE_POSITIVES, MORE_ENTRIES, LARGE)
LOOPED = (SMALL, FRESH, LARGE)


def bench_losses(options: BenchOptions) -> Table:
    """Time value and gradients of every detection loss, and of the loop, at several sizes; find its peak memory."""
    registered = [name for name, entry in losses.LOSSES.items() if entry.task == "detection"]
    names: dict[str, tuple[str, dict[str, Any]]] = {name: (name, {}) for name in registered}
    names["ap, interpolated"] = "ap", {"interpolated": True}
    steps = {
        (name, mode): value_and_gradients(_loss(*names[name]), compiled=compiled)
        for name in names
        for mode, compiled in MODES.items()
    }
    loops = {("ap", "loop"): 2, ("alrp", "loop"): 3}  # how many of labels, scores and errors it takes
    times: dict[tuple, dict[Case, float]] = {key: {} for key in [*steps, *loops]}
    speeds: dict[tuple, float] = {}
    for case in CASES:
        log.info("%s: timing %d losses", case, len(steps))
        batch = inputs(case, options.seed)
        actions: dict[tuple, Callable] = {key: partial(_run, step, *batch) for key, step in steps.items()}
        arrays = [tensor.numpy() for tensor in batch]
        looped = {key: partial(loop_over_positives, *arrays[:count]) for key, count in loops.items() if case in LOOPED}
        if case.entries * case.positives < SLOW:
            actions |= looped
        for key, seconds in interleaved(actions, options.repeats).items():
            times[key][case] = seconds
        for key, loop in looped.items():
            start = time.perf_counter()
            result = loop()
            times[key].setdefault(case, time.perf_counter() - start)
            speeds[key] = max(speeds.get(key, 0), result.pairs / times[key][case])
            for mode in MODES:
                value, (gradient, _) = _run(steps[key[0], mode], *batch)
                error = np.abs(result.gradient - gradient.numpy()).sum() / np.abs(result.gradient).sum()
                told = "%s: value %.6f, loop %.6f; gradients differ by %.1e"
                log.info(told, case, float(value), result.value, error)
    rows = []
    for key in steps:
        small, large = (_in_a_fresh_process(key, names, case, options.seed) for case in (TINY, HUGE))
        alone = {"seconds": large.get("seconds"), "peak": large.get("bytes"), "fixed": small.get("bytes")}
        rows.append(_row(key, times, alone))
    return [*rows, *(_row(key, times, {}, speeds[key]) for key in loops)]


def ranking_programs(options: BenchOptions) -> dict[str, Program]:
    """Give value and gradients of every detection loss of a million entries, focal loss among them, for XLA."""
    labels, scores, errors = inputs(SMALL, options.seed)
    names = [name for name, entry in losses.LOSSES.items() if entry.task == "detection"]
    return {
        name: Program(value_and_gradients(_loss(name, {}), compiled=True), ([labels], [scores, errors]))
        for name in names
    }


def inputs(case: Case, seed: int) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Make up labels int8 and logits, [N] or [N / classes, classes], and box errors, [N] or [N / classes, 1]."""
    entries, positives, fresh, classes = case
    where = np.linspace(0, entries - 1, positives).astype(np.int32)[:, np.newaxis]
    labels = tf.scatter_nd(where, tf.ones([positives], tf.int8), [entries])
    # a fresh head: all logits near the prior of 0.01; later: positives higher, and the two overlapping
    scores = tf.random.stateless_normal([entries], [seed, 0], *((-4.6, 0.02) if fresh else (-5, 1.5)))
    scores = tf.tensor_scatter_nd_add(scores, where, tf.fill([positives], 0.0 if fresh else 3.0))
    shape = [entries // classes, classes] if classes else [entries]
    errors = tf.random.stateless_uniform([*shape[:1], 1] if classes else shape, [seed, 1])
    return tf.reshape(labels, shape), tf.reshape(scores, shape), errors


def print_peak(name: str, hyperparameters: dict, mode: str, case: list, seed: int) -> None:
    """Print, as JSON, what one loss takes in this process: bytes above its inputs at the peak, seconds when warm."""
    before = _status_bytes("VmRSS")
    batch = inputs(Case(*case), seed)
    before += sum(tensor.dtype.size * int(tf.size(tensor)) for tensor in batch)
    step = value_and_gradients(_loss(name, hyperparameters), compiled=MODES[mode])
    _run(step, *batch)
    peak = _status_bytes("VmHWM") - before
    start = time.perf_counter()
    _run(step, *batch)
    print(json.dumps({"bytes": peak, "seconds": time.perf_counter() - start}))


def _loss(name: str, hyperparameters: dict) -> Callable:
    loss = losses.get(name, **hyperparameters)

    def parts(fixed: list[tf.Tensor], watched: list[tf.Tensor]) -> list[tf.Tensor]:
        labels, (scores, errors) = fixed[0], watched
        found = loss.parts(labels, scores, errors if loss.needs else None, one_hot=labels.shape.rank == 2)
        return [part for part in found if part is not None]

    return parts


def _run(step: Callable, labels: tf.Tensor, scores: tf.Tensor, errors: tf.Tensor) -> tuple[tf.Tensor, list]:
    value, gradients = step([labels], [scores, errors])
    value.numpy()
    return value, gradients


def _in_a_fresh_process(key: tuple, names: dict, case: Case, seed: int) -> dict:
    """Find time and peak memory of one batch; empty where it fails."""
    log.info("%s: %s, %s, in a process of its own", case, *key)
    arguments = ", ".join(repr(argument) for argument in (*names[key[0]], key[1], list(case), seed))
    program = f"from {__name__} import print_peak; print_peak({arguments})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        log.warning("%s: %s, %s failed: %s", case, *key, told[-1])
        return {}
    return json.loads(done.stdout.strip().splitlines()[-1])


def _row(key: tuple, times: dict, alone: dict, pairs: float | None = None) -> dict[str, Any]:
    mine, loop = times[key], times.get((key[0], "loop"), {})
    return {
        "loss": key[0],
        "mode": key[1],
        **{f"{case}, ms": _ratio(mine.get(case), 1e-3) for case in CASES},
        **{f"loop / ours, {case}": _ratio(loop.get(case), mine.get(case)) for case in LOOPED},
        "N x4": _ratio(mine.get(MORE_ENTRIES), mine.get(SMALL)),
        "P x4": _ratio(mine.get(MORE_POSITIVES), mine.get(SMALL)),
        f"{HUGE}, ms": _ratio(alone.get("seconds"), 1e-3),
        "peak / scores": _ratio(alone.get("peak"), 4.0 * HUGE.entries),
        "fixed part of it": _ratio(alone.get("fixed"), 4.0 * HUGE.entries),
        "pairs/s": pairs,
    }


def _ratio(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None else above / below


def _status_bytes(key: str) -> int:
    """What this process holds (VmRSS), or held at most (VmHWM); the latter for both where the system does not tell."""
    try:
        with open("/proc/self/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith(key + ":")) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _short(number: int) -> str:
    """Write 4000000 as 4e6 and 31426560 as 3.1e7."""
    return f"{number:.1e}".replace(".0e", "e").replace("e+0", "e")
