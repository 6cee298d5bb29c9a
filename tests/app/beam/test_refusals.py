"""Errors of ours come home from a worker as they were; others are told in one sentence."""

import traceback

import pytest

from metricfit.app.beam.refusals import Refused, from_runner, refusals_marked
from metricfit.trainers.errors import DataError, MetricfitError, UsageError


@pytest.mark.parametrize("error", [DataError("a.png is none:\n  look"), UsageError("né"), MetricfitError("full")])
def test_a_refusal_comes_home_in_its_own_words(error):
    with pytest.raises(Refused) as raised, refusals_marked():
        raise error
    text = "".join(traceback.format_exception(raised.value)) + " [while running 'Judge']"
    for seen in (RuntimeError(text), raised.value):
        found = from_runner(seen, "direct")
        assert (type(found), str(found)) == (type(error), str(error))
    outer = RuntimeError("outer")
    outer.__cause__ = raised.value
    assert str(from_runner(outer, "direct")) == str(error)


def test_what_a_runner_says_itself_is_one_sentence():
    text = "Traceback (most recent call last):\n  File x\nValueError: no such thing [while running 'Judge']\n\n"
    assert str(from_runner(RuntimeError(text), "flink")) == (
        "the runner flink could not do it (RuntimeError: ValueError: no such thing [while running 'Judge']): the same "
        "command with --debug shows all that it said"
    )
    assert "(TimeoutError: no answer)" in str(from_runner(TimeoutError("no answer"), "flink"))


def test_errors_of_others_pass():
    with pytest.raises(KeyError), refusals_marked():
        raise KeyError("x")
