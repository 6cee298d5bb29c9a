"""What is open gets closed when the machine asks the process to end."""

import os
import signal
import threading

import pytest

from metricfit.trainers.errors import Terminated
from metricfit.trainers.stopping import unwinding_when_asked_to_end


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_unwinds_as_ctrl_c_does_and_is_as_before_afterwards(number, exit_code):
    before = signal.getsignal(number)
    with pytest.raises(Terminated, match=number.name) as caught, unwinding_when_asked_to_end():
        os.kill(os.getpid(), number)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value.exit_code == exit_code
    assert signal.getsignal(number) is before


def test_under_nohup_a_closed_terminal_ends_nothing():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with unwinding_when_asked_to_end():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_leave_the_signals_alone():
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work():
        with unwinding_when_asked_to_end():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
