"""What the benchmarks of all tasks share: which tables there are, timing in turns, a step to time, ratios as rows."""

import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import keras
import tensorflow as tf

from ...trainers.tasks import CONFIGS, get_task
from ...trainers.training.optimizer import build_optimizer
from ..options import BenchOptions

MODES = {"graph": False, "XLA": True}
"""How a function is run, and whether XLA compiles it then."""

Table = list[dict[str, Any]]
"""Rows with equal keys."""


class Bench(ABC):
    """The benchmarks of one task.

    Attributes:
        name: of the task.
        size: side of the pictures in pixels, where none is given.
        batch_size: pictures a step, where none are given.
        usual_for: the tables for which this task is meant where none is named; else it is the first that has one.
    """

    name: ClassVar[str]
    size: ClassVar[int]
    batch_size: ClassVar[int]
    usual_for: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def tables(self) -> dict[str, Callable[[BenchOptions], Table]]:
        """What can be measured, by name."""

    @property
    def task(self) -> Any:
        """The task in training."""
        return get_task(self.name)

    def config(self, options: BenchOptions) -> Any:
        """Give the configuration of a training of the options' size on their data."""
        config_class: Any = CONFIGS[self.name]
        return config_class(
            data=options.data,
            backbone=options.backbone,
            size=options.size,
            batch_size=options.batch_size,
            seed=options.seed,
        )


def shape_of(options: BenchOptions) -> tuple[int, int, int]:
    """Give the shape of a batch of maps, [B, S, S]."""
    assert options.batch_size
    assert options.size
    return options.batch_size, options.size, options.size


def interleaved(actions: Mapping[Any, Callable[[], object]], repeats: int) -> dict[Any, float]:
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
    """Lay out times as rows.

    Args:
        times: seconds by key, a name or a tuple of names.
        *names: what stands above the key's parts.
        unit: what stands above the milliseconds.
        images: pictures of each step, for a column of pictures a second; 0 for none.
        ratio: what stands above the ratio.
        to: from a key to the one that its time is compared with; by default the first.
        more: further cells by key, which stand before the time.
    """
    first, rows = next(iter(times)), []
    for key, seconds in times.items():
        row = dict(zip(names, key if isinstance(key, tuple) else (key,)))
        row |= {**(more or {}).get(key, {}), unit: 1e3 * seconds}
        row |= {"images/s": images / seconds} if images else {}
        rows.append({**row, ratio: seconds / times[to(key) if to else first]})
    return rows


def value_and_gradients(function: Callable, *, compiled: bool) -> Callable:
    """Make of a loss the compiled function (fixed, watched) -> its value and the gradients of the watched.

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


def loss_step(loss: Callable, labels: tf.Tensor, logits: tf.Tensor, *, compiled: bool) -> Callable[[], object]:
    """Make an action of value and gradient of a loss of maps, (labels, logits) -> one value or one a picture."""
    step = value_and_gradients(lambda fixed, watched: [tf.reduce_sum(loss(*fixed, *watched))], compiled=compiled)
    return lambda: step([labels], [logits])[1][0][0, 0, 0].numpy()


def training_step(
    model: keras.Model, config: Any, loss: Any, images: tf.Tensor, labels: tf.Tensor, *, jit_compile: bool = False
) -> Callable[[], object]:
    """Make an action of one step of a model's training on a batch of maps."""
    model.compile(optimizer=build_optimizer(config, 1000), loss=loss, jit_compile=jit_compile)
    return lambda: model.train_on_batch(images, labels)


def random_pictures(shape: tuple[int, int, int], seed: int) -> tf.Tensor:
    """Make up uint8 pictures [B, S, S, 3]."""
    return tf.cast(tf.random.stateless_uniform((*shape, 3), [seed, 2], 0, 256, tf.int32), tf.uint8)


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
