"""Who waits for another process that hangs stops waiting."""

import threading

from metricfit.trainers.training.devices.exchange import ALONE, Exchange
from metricfit.trainers.training.devices.waiting import Wait


def test_a_wait_that_takes_too_long_is_ended_in_a_sentence():
    said, ended = [], threading.Event()

    def abort(sentence):
        said.append(sentence)
        ended.set()

    wait = Wait(0.001, abort)
    with wait.watched():
        wait.begin()
        wait.end()
        assert not ended.wait(0.3), "nobody was waited for"
        wait.begin()
        assert ended.wait(10)
    assert said == ["no word from it for 0.001 minutes (--wait-minutes)"]


def test_several_processes_wait_in_steps_and_messages_and_one_does_not():
    exchange, noted = Exchange(None, 0, 2), []
    exchange._gathered = lambda given: noted.append(exchange._wait and exchange._wait._end) or given
    with exchange.waiting(60.0):
        exchange.step_begins()
        in_step = exchange._wait._end
        exchange.step_ends()
        exchange.all("mine")
        after = exchange._wait._end
    exchange.all("mine")
    assert in_step < float("inf")
    assert noted[0] < float("inf")
    assert noted[1] is None, "who does not train waits as long as it takes"
    assert after == float("inf")
    with ALONE.waiting(60.0):
        assert ALONE._wait is None
