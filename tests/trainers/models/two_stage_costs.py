"""What a step of Faster R-CNN costs by loss: `python -m metricfit.tests.trainers.models.two_stage_costs [REPEATS]`.

Prints the milliseconds of the whole training step, EfficientNet-Lite0 at 256 px, 4 pictures of `scenes`, in turn and
the least of several, and how many times as long each takes as the first; a RetinaNet's stands beside them.
"""

import sys
import time
from dataclasses import replace

import tensorflow as tf

from metricfit.trainers.data.sources import open_source
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import DetectionConfig
from metricfit.trainers.training.optimizer import build_optimizer

SHARED = DetectionConfig(model="faster_rcnn", size=256, batch_size=4, weights="none", quiet=True)
ROWS = {
    "Faster R-CNN, cross_entropy with l1": {"loss": "cross_entropy", "box_loss": "l1"},
    "Faster R-CNN, alrp": {"loss": "alrp"},
    "RetinaNet, alrp": {"loss": "alrp", "model": "retinanet"},
}


def step_of(config, source, batch):
    """Compile a network and give its training step on a batch."""
    task = get_task("detection")
    model = task.build_model(config, source)
    task.compile_model(model, config, build_optimizer(config, 1000), source)
    model.make_train_function()
    again = iter(tf.data.Dataset.from_tensors(batch).repeat())
    return lambda: float(model.train_function(again)["loss"])


def main(repeats: int) -> None:
    """Print a line for each row."""
    source = open_source("scenes:train", needs="boxes")
    batch = next(iter(get_task("detection").training_batches(SHARED, source)))
    steps = {name: step_of(replace(SHARED, **told), source, batch) for name, told in ROWS.items()}
    for step in steps.values():
        step(), step()
    times = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - began)
    least = {name: 1000 * min(taken) for name, taken in times.items()}
    for name, taken in least.items():
        print(f"{name}: {taken:.0f} ms, {taken / next(iter(least.values())):.2f} times the first", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
