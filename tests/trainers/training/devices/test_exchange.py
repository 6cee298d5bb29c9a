"""What processes tell each other, here threads that put their numbers in a row."""

import signal
import threading

import numpy as np
import pytest

from metricfit.trainers.errors import DataError, Terminated, UsageError
from metricfit.trainers.stopping import StopRequest
from metricfit.trainers.training.devices.agreement import WISHES, Agreement
from metricfit.trainers.training.devices.exchange import ALONE, Exchange


class Seats(Exchange):
    """One of several that sit in one process."""

    def __init__(self, worker, workers, barrier, given):
        super().__init__(None, worker, workers)
        self.barrier, self.given = barrier, given

    def _gathered(self, given):
        self.given[self.worker] = given
        self.barrier.wait(10)
        found = np.concatenate([self.given[worker] for worker in range(self.workers)])
        self.barrier.wait(10)
        return found


def each(count, function):
    """Call a function with the exchange of each; gives the results, or what was raised."""
    barrier, given, results = threading.Barrier(count), {}, {}

    def call(worker):
        try:
            results[worker] = function(Seats(worker, count, barrier, given))
        except BaseException as error:
            results[worker] = error

    threads = [threading.Thread(target=call, args=(worker,)) for worker in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[worker] for worker in range(count)]


def test_hands_over_objects_of_any_size():
    given = [b"x" * size for size in (0, 1, 4, 70_001)]
    assert each(4, lambda exchange: exchange.all(given[exchange.worker])) == [given] * 4
    assert ALONE.all("mine") == ["mine"]


def test_the_chief_alone_calls_and_all_get_the_result_or_the_error():
    called = []

    def chief_only(exchange):
        return exchange.by_chief(lambda: called.append(exchange.worker) or "settled")

    assert each(3, chief_only) == ["settled"] * 3
    assert called == [0]

    def refuse():
        raise UsageError("no")

    for error in each(2, lambda exchange: exchange.by_chief(refuse)):
        assert (type(error), str(error)) == (UsageError, "no")


def test_where_one_fails_all_do():
    def work(exchange):
        def load():
            if exchange.worker == 1:
                raise DataError("no such folder")
            return exchange.worker

        return exchange.together(load)

    first, second, third = each(3, work)
    assert str(second) == "no such folder"
    assert [(type(error), str(error)) for error in (first, third)] == [(DataError, "worker 1: no such folder")] * 2
    assert each(2, lambda exchange: exchange.together(lambda: exchange.worker)) == [0, 1]


def test_adds_up_in_the_same_type():
    sums = each(3, lambda exchange: exchange.added_up([np.float32([1, exchange.worker]), np.int64(2)]))
    for total, count in sums:
        np.testing.assert_array_equal(total, np.float32([3, 3]))
        assert (total.dtype, count) == (np.float32, 6)


class Step:
    """Adds up wishes of those that sit together."""

    def __init__(self, exchange):
        self.exchange = exchange

    def wish(self, numbers):
        self.numbers = numbers

    def wished(self):
        (sums,) = self.exchange.added_up([np.array(self.numbers)])
        return sums.tolist()


def test_a_signal_to_one_is_heard_by_all_at_the_end_of_the_next_step():
    def train(exchange):
        agreement = Agreement(StopRequest(), exchange, Step(exchange))
        agreement.request.waits = True
        heard = []
        for step in range(3):
            agreement.before_step(due=step == 1)
            if step == 1 and exchange.worker == 1:
                agreement.request.ask(signal.SIGTERM)  # too late for this step
            heard.append((agreement.after_step(due=False), agreement.number))
            if step < 2:
                agreement.leave_if_agreed()
        try:
            agreement.leave_if_agreed()
        except Terminated as end:
            return [*heard, end.exit_code]

    expected = [(False, None), (True, None), (False, signal.SIGTERM), 143]
    assert each(2, train) == [expected] * 2


def test_between_epochs_a_signal_is_heard_too():
    def end(exchange):
        agreement = Agreement(StopRequest(), exchange, Step(exchange))
        agreement.request.waits = True
        if exchange.worker == 0:
            agreement.request.ask(signal.SIGTERM)
        agreement.between_epochs()
        return agreement.number

    assert each(2, end) == [signal.SIGTERM] * 2
    assert WISHES >= 2


def test_one_process_decides_by_itself():
    agreement = Agreement()
    agreement.request.waits = True
    agreement.before_step(due=True)
    assert agreement.after_step(due=True)
    assert agreement.number is None
    agreement.request.ask(signal.SIGTERM)
    assert agreement.number == signal.SIGTERM
    with pytest.raises(Terminated):
        agreement.leave_if_agreed()
