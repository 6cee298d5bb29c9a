"""Cores, and what libraries print while they are loaded."""

import importlib
import os
import sys
import threading
import types

import pytest

from metricfit.trainers import machine
from metricfit.trainers.errors import MetricfitError, UsageError
from metricfit.trainers.machine import check_address_space, cores, held_back_stderr, hold_back_tensorflow


def test_there_is_a_core():
    assert 1 <= cores() <= os.cpu_count()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot confine a process to some cores")
def test_only_the_cores_of_this_process_count():
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, allowed)


def test_the_first_look_for_devices_is_held_back_too(capfd, monkeypatch):
    looks = []

    class Config:
        def list_physical_devices(self):
            looks.append(os.write(2, b"no GPU here"))

    monkeypatch.setitem(sys.modules, "tensorflow", types.SimpleNamespace(config=Config()))
    with held_back_stderr():
        pass
    assert looks
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_chatter_is_held_back(capfd):
    with held_back_stderr():
        os.write(2, b"could not find your holiday pictures")
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_an_unexpected_error_lets_it_out(capfd):
    with pytest.raises(RuntimeError), held_back_stderr():  # noqa: PT012
        os.write(2, b"the reason")
        raise RuntimeError
    assert capfd.readouterr().err == "the reason"


def test_an_error_that_explains_itself_does_not(capfd):
    with pytest.raises(UsageError), held_back_stderr():  # noqa: PT012
        os.write(2, b"chatter")
        raise UsageError("no such model")
    assert capfd.readouterr().err == ""


def test_threads_that_end_in_any_order_leave_stderr_as_it_was(capfd):
    first_may_end, second_holds = threading.Event(), threading.Event()

    def first():
        with held_back_stderr():
            first_may_end.wait(5)

    def second():
        with held_back_stderr():
            second_holds.set()
            thread.join(5)
            os.write(2, b"chatter")

    thread, other = threading.Thread(target=first), threading.Thread(target=second)
    thread.start()
    other.start()
    second_holds.wait(5)
    first_may_end.set()
    other.join(5)
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"


def test_tensorflow_is_quiet_whoever_imports_it(tmp_path, capfd, monkeypatch):
    (tmp_path / "tensorflow.py").write_text(
        "import os\nos.write(2, b'no GPU')\n"
        "class config:\n    list_physical_devices = staticmethod(lambda: os.write(2, b'cuInit'))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    before = len(sys.meta_path)
    for _ in range(2):
        hold_back_tensorflow()
    assert len(sys.meta_path) == before + 1
    module = importlib.import_module("tensorflow")
    assert module.__file__ == str(tmp_path / "tensorflow.py")
    assert len(sys.meta_path) == before
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
    hold_back_tensorflow()
    assert len(sys.meta_path) == before, "it is there already"


@pytest.mark.skipif(machine.resource is None, reason="there are no such limits")
def test_too_little_address_space_is_said_before_libraries_fill_it(tmp_path, monkeypatch):
    check_address_space(1 << 62, "everything")  # no limit is none
    (tmp_path / "tensorflow.py").write_text("raise AssertionError\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    monkeypatch.setattr(sys, "meta_path", sys.meta_path[:])
    monkeypatch.setattr(machine.resource, "getrlimit", lambda kind: (400 << 20, -1))
    check_address_space(400 << 20, "this")
    hold_back_tensorflow()
    for _ in range(2):
        with pytest.raises(MetricfitError, match=r"TensorFlow needs 2048 MiB .* allows this process 400: raise that"):
            importlib.import_module("tensorflow")
