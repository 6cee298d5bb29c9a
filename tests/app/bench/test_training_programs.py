"""The training step of each task as XLA is given it: nothing asks the host, no size is open, on a TPU no float64."""

from dataclasses import replace

import pytest
import tensorflow as tf

from metricfit.app.bench.hlo import Program, faults
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import DetectionConfig
from metricfit.trainers.training.devices.metric_states import build_metrics
from metricfit.trainers.training.faults.guarded_step import GuardedStep
from metricfit.trainers.training.optimizer import build_optimizer

LOSSES = {
    "saliency": "floss",
    "segmentation": "softmax_cross_entropy + lovasz_softmax",
    "detection": "alrp",
}


@pytest.fixture
def on_a_tpu(monkeypatch):
    """What asks for TPUs finds one, as on a machine that has it."""
    usual = tf.config.list_logical_devices
    monkeypatch.setattr(
        tf.config, "list_logical_devices", lambda kind=None: ["TPU:0"] if kind == "TPU" else usual(kind)
    )


def config_of(task, small_config, segmentation_config):
    if task == "saliency":
        return small_config
    if task == "segmentation":
        return segmentation_config
    return DetectionConfig(
        data="discs:train",
        out=small_config.out,
        backbone="plain",
        size=64,
        batch_size=2,
        channels=8,
        head_layers=1,
        quiet=True,
    )


# The loss of the detector is written, too, in test_hlo.py, and its assignment runs under XLA in test_assignment.py.
@pytest.mark.parametrize(
    "name", ["segmentation", *(pytest.param(name, marks=pytest.mark.long) for name in ("saliency", "detection"))]
)
def test_a_training_step_is_one_program_of_the_device(name, tiny, small_config, segmentation_config, on_a_tpu):
    task = get_task(name)
    config = replace(config_of(name, small_config, segmentation_config), loss=LOSSES[name], jit_compile=True)
    source = task.open_source(config.data, config)
    batches = task.training_batches(config, source, 0)
    model = task.build_model(config, source)
    task.compile_model(model, config, build_optimizer(config, 10), source)
    build_metrics(model, batches)
    GuardedStep(model)
    step = Program(tf.function(model.train_step, jit_compile=True, autograph=False), (next(iter(batches)),))
    assert faults(step.text("hlo"), float64=False) == []
