"""What the benchmarks share: timing in turns, a gradient to time, and what a process holds."""

import statistics
import time
from collections.abc import Callable

import tensorflow as tf

MODES = {"graph": False, "XLA": True}
"""How a function is run, and whether XLA compiles it then."""


def interleaved(actions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Time actions in turns, so that a slow moment of the machine hits all of them.

    Args:
        actions: what to time, by name; each is called twice before, unmeasured.
        repeats: measured calls of each.

    Returns:
        Median seconds by name.
    """
    # the first call traces and compiles, and the second is still slower than those that follow
    for action in [*actions.values(), *actions.values()]:
        action()
    times: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(repeats):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def value_and_gradients(function: Callable, *, compiled: bool) -> Callable:
    """Make of a loss the compiled function (*fixed, *watched) -> its value and the gradients of the watched.

    Args:
        function: (fixed, watched), two lists of tensors -> one or several scalars, which are added up.
        compiled: whether XLA compiles it, or graph mode runs it.
    """

    @tf.function(jit_compile=compiled)
    def step(fixed, watched):
        with tf.GradientTape() as tape:
            tape.watch(watched)
            value = tf.reduce_sum(tf.stack(function(fixed, watched)))
        return value, tape.gradient(value, watched)

    return step


def rate(stream, count: int, batch_size: int) -> float:
    """Take `count` batches from a stream; gives examples a second."""
    start = time.perf_counter()
    for _ in range(count):
        next(stream)
    return count * batch_size / (time.perf_counter() - start)


def shown(value) -> str:
    """Write a figure of a table: digits as its size asks for, "-" for none."""
    if value is None:
        return "-"
    if isinstance(value, float):
        if value >= 1e6:
            return f"{value:.1e}"
        return f"{value:.2f}" if value < 100 else f"{value:.0f}"
    return str(value)
