"""The three registries of tasks: what is trained can be exported and shown, under one name."""

import importlib
import inspect

import pytest

from metricfit.app import tasks as shown
from metricfit.export import tasks as exported
from metricfit.trainers import tasks as trained
from metricfit.trainers.errors import UsageError
from metricfit.trainers.metrics.catalogue import CATALOGUE
from metricfit.trainers.training.config import RunConfig


def test_the_registries_name_the_same_tasks():
    assert list(trained.CONFIGS) == list(exported.TASKS) == list(shown.TASKS)


@pytest.mark.parametrize("name", trained.CONFIGS)
def test_a_task_is_the_same_by_every_name(name):
    task = getattr(importlib.import_module("metricfit.trainers"), name)
    assert callable(task.train)
    assert task is trained.get_task(name)
    assert task.name == exported.get_task(name).name == shown.TASKS[name].name == name
    assert trained.task_of(trained.CONFIGS[name]()) == name


@pytest.mark.parametrize("name", trained.CONFIGS)
def test_what_may_pick_an_epoch_is_larger_where_it_is_better_and_named_in_the_help(name):
    task = trained.get_task(name)
    explained = trained.CONFIGS[name].__dataclass_fields__["select_by"]
    assert explained.default is None
    for key in (task.main_metric, *task.selecting):
        assert CATALOGUE[key].sign == 1
        assert key in inspect.getsource(RunConfig)


def test_other_names_are_no_tasks():
    with pytest.raises(UsageError, match="no task depth: choose one of saliency, segmentation, detection"):
        trained.get_task("depth")
    with pytest.raises(ImportError, match="depth"):
        from metricfit.trainers import depth  # noqa: F401
