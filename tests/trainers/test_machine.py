"""Cores, and what libraries print while they are loaded."""

import os

import pytest

from metricfit.trainers.errors import UsageError
from metricfit.trainers.machine import cores, held_back_stderr


def test_there_is_a_core():
    assert 1 <= cores() <= os.cpu_count()


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
