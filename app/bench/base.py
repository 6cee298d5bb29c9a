"""What the benchmarks of all tasks share: which tables there are, timing in turns, a step to time, ratios as rows."""

import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import keras
import tensorflow as tf

from ...trainers.geometry import height_width
from ...trainers.tasks import CONFIGS, get_task
from ...trainers.training.optimizer import build_optimizer
from ..options import BenchOptions
from .guard import bench_guard
from .hlo import Program
from .packed import bench_packed

# How a function is run, and whether XLA compiles it then.
MODES = {"graph": False, "XLA": True}

Table = list[dict[str, Any]]  # rows with equal keys


class Bench(ABC):
    """The benchmarks of one task; a table without a task is the one it is `usual_for`, or the first that has it."""

    name: ClassVar[str]
    size: ClassVar[int]
    batch_size: ClassVar[int]
    usual_for: ClassVar[tuple[str, ...]] = ()
    tables: dict[str, Callable[[BenchOptions], Table]]

    @abstractmethod
    def programs(self, options: BenchOptions) -> dict[str, Program]:
        """Give value and gradients of each loss, and of a plain cross-entropy, for XLA to compile."""

    @property
    def task(self) -> Any:
        """The task in training."""
        return get_task(self.name)

    def config(self, options: BenchOptions) -> Any:
        """Give the configuration of a training of the options' size on their data."""
        shared = ("data", "backbone", "size", "batch_size", "seed")
        return CONFIGS[self.name](**{name: getattr(options, name) for name in shared})

    def guard(self, options: BenchOptions) -> Table:
        """Time the training step with and without the look whether its numbers are any."""
        return bench_guard(self.task, self.config(options), options)

    def packed(self, options: BenchOptions) -> Table:
        """Time the training stream of data as they are and packed."""
        return bench_packed(self.task, replace(self.config(options), cache_mib=0), options)


def shape_of(options: BenchOptions) -> tuple[int, int, int]:
    """Give the shape of a batch of maps, [B, S, S]."""
    assert options.batch_size
    assert options.size
    return options.batch_size, options.size, options.size


def interleaved(actions: Mapping[Any, Callable[[], object]], repeats: int) -> dict[Any, float]:
    """Time actions in turns, so that a slow moment of the machine hits all of them; gives median seconds by name."""
    # the first call traces and compiles, and the second is still slower than those that follow
    for action in [*actions.values(), *actions.values()]:
        action()
    times: dict[Any, list[float]] = {name: [] for name in actions}
    for _ in range(repeats):
        for name, action in actions.items():
            start = time.perf_counter()
            action()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def ratio_rows(
    times: Mapping[Any, float],
    *names: str,
    unit: str = "ms",
    images: int = 0,
    ratio: str = "ratio",
    to: Callable[[Any], Any] | None = None,
    more: Mapping[Any, Mapping[str, Any]] | None = None,
) -> Table:
    """Lay out seconds by key, which is one name or a tuple of several, as rows of milliseconds and ratios.

    `names`, `unit` and `ratio` stand above the columns. With `images`, the pictures of a step, there is a column of
    pictures a second. `to` leads from a key to that with which it is compared, by default the first; `more` are
    further cells by key.
    """
    first, rows = next(iter(times)), []
    for key, seconds in times.items():
        row = dict(zip(names, key if isinstance(key, tuple) else (key,)))
        row |= {**(more or {}).get(key, {}), unit: 1e3 * seconds}
        row |= {"images/s": images / seconds} if images else {}
        rows.append({**row, ratio: seconds / times[to(key) if to else first]})
    return rows


def value_and_gradients(function: Callable, *, compiled: bool) -> Callable:
    """Make of a loss the function of lists of tensors (fixed, watched) -> its sum and the gradients of the watched."""

    @tf.function(jit_compile=compiled, autograph=False)
    def step(fixed: list[tf.Tensor], watched: list[tf.Tensor]) -> tuple[tf.Tensor, Any]:
        with tf.GradientTape() as tape:
            tape.watch(watched)
            value = tf.reduce_sum(tf.stack(function(fixed, watched)))
        return value, tape.gradient(value, watched)

    return step


def loss_step(loss: Callable, labels: tf.Tensor, logits: tf.Tensor, *, compiled: bool) -> Callable[[], object]:
    """Make an action of value and gradient of a loss of maps, (labels, logits) -> one value or one a picture."""
    step = value_and_gradients(lambda fixed, watched: [tf.reduce_sum(loss(*fixed, *watched))], compiled=compiled)
    return lambda: step([labels], [logits])[1][0][0, 0, 0].numpy()


def loss_programs(timed: Mapping[str, Callable], labels: tf.Tensor, logits: tf.Tensor) -> dict[str, Program]:
    """Make programs of value and gradients of losses of maps, by name."""
    steps = {
        name: value_and_gradients(
            lambda fixed, watched, loss=loss: [tf.reduce_sum(loss(*fixed, *watched))], compiled=True
        )
        for name, loss in timed.items()
    }
    return {name: Program(step, ([labels], [logits])) for name, step in steps.items()}


def training_step(
    model: keras.Model, config: Any, loss: Any, labels: tf.Tensor, *, jit_compile: bool = False
) -> Callable[[], object]:
    """Make an action of one step of a model's training on a batch of maps, for pictures that are made up."""
    shape = config.batch_size, *height_width(config.size), 3
    images = tf.cast(tf.random.stateless_uniform(shape, [config.seed, 2], 0, 256, tf.int32), tf.uint8)
    model.compile(optimizer=build_optimizer(config, 1000), loss=loss, jit_compile=jit_compile)
    return lambda: model.train_on_batch(images, labels)


def rate(stream: Iterator, count: int, batch_size: int) -> float:
    """Take `count` batches from a stream; gives examples a second."""
    start = time.perf_counter()
    for _ in range(count):
        next(stream)
    return count * batch_size / (time.perf_counter() - start)


def against_step(rates: Mapping[str, float], step: Callable[[], object], options: BenchOptions) -> Table:
    """Relate the rates of a pipeline to that of the training step that eats its pictures."""
    eaten = shape_of(options)[0] / interleaved({"": step}, options.repeats)[""]
    rates = {**rates, f"training step, {options.backbone}": eaten}
    return [{"what": name, "images/s": found, "against the step": found / eaten} for name, found in rates.items()]


def shown(value: str | float | None) -> str:
    """Write a figure of a table: digits as its size asks for, "-" for none."""
    if value is None:
        return "-"
    if not isinstance(value, float):
        return str(value)
    if value >= 1e6:
        return f"{value:.1e}"
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"
