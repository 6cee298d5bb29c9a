"""The three registries of tasks: what is trained can be exported and shown, under one name."""

import importlib

import pytest

from metricfit.app import tasks as shown
from metricfit.export import tasks as exported
from metricfit.trainers import tasks as trained
from metricfit.trainers.errors import UsageError


def test_the_registries_name_the_same_tasks():
    assert list(trained.CONFIGS) == list(exported.TASKS) == list(shown.TASKS)


@pytest.mark.parametrize("name", trained.CONFIGS)
def test_a_task_is_the_same_by_every_name(name):
    task = getattr(importlib.import_module("metricfit.trainers"), name)
    assert callable(task.train)
    assert task is trained.get_task(name)
    assert task.name == exported.get_task(name).name == shown.TASKS[name].name == name
    assert trained.task_of(trained.CONFIGS[name]()) == name


def test_other_names_are_no_tasks():
    with pytest.raises(UsageError, match="no task depth: choose one of saliency, segmentation, detection"):
        trained.get_task("depth")
    with pytest.raises(ImportError, match="depth"):
        from metricfit.trainers import depth  # noqa: F401
