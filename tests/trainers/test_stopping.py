"""What is open gets closed when the machine asks the process to end."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from metricfit.trainers.errors import Terminated
from metricfit.trainers.stopping import StopRequest, asked_to_end, pass_on, unwinding_when_asked_to_end


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_unwinds_as_ctrl_c_does_and_is_as_before_afterwards(number, exit_code):
    before = signal.getsignal(number)
    with pytest.raises(Terminated, match=number.name) as caught, unwinding_when_asked_to_end():
        os.kill(os.getpid(), number)
    assert isinstance(caught.value, KeyboardInterrupt)
    assert caught.value.exit_code == exit_code
    assert signal.getsignal(number) is before


def test_one_that_meets_tensorflow_raising_an_error_comes_after_all():
    said = "pybind11::error_already_set: MISMATCH: ORIGINAL UnavailableError REPLACED BY Terminated: ended by SIGTERM"

    def meets():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Terminated as ended:
            raise RuntimeError(said) from ended

    with pytest.raises(Terminated, match="SIGTERM"), unwinding_when_asked_to_end():
        meets()
    with pytest.raises(RuntimeError, match="full"), unwinding_when_asked_to_end():
        raise RuntimeError("the disk is full")


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


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)])
def test_a_first_signal_waits_where_it_may_and_a_second_one_does_not(number, error):
    before = [signal.getsignal(one) for one in (number, signal.SIGINT)]
    with asked_to_end() as request:
        request.leave_if_asked()
        request.waits = True
        send(number)
        assert request.number == number
        with pytest.raises(error):
            request.leave_if_asked()
        with pytest.raises(error):
            send(signal.SIGINT)
    assert [signal.getsignal(one) for one in (number, signal.SIGINT)] == before
    with pytest.raises(error), asked_to_end():
        send(number)


def test_the_machines_signal_is_passed_on_and_ctrl_c_is_not():
    with asked_to_end() as request:
        request.waits = True
        send(signal.SIGTERM)
    with pytest.raises(Terminated, match="SIGTERM"), unwinding_when_asked_to_end():
        pass_on(request)
    seen, both = [], (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda number, frame: seen.append(number)) for number in both]
    try:
        for number in (signal.SIGTERM, signal.SIGINT, None):
            request = StopRequest()
            request.number = number
            pass_on(request)
    finally:
        for number, usual in zip(both, before):
            signal.signal(number, usual)
    assert seen == [signal.SIGTERM]


def test_a_script_without_a_handler_ends_by_the_signal_when_all_is_closed():
    script = (
        "import os, signal\nfrom metricfit.trainers.stopping import asked_to_end, pass_on\n"
        "with asked_to_end() as request:\n    request.waits = True\n    os.kill(os.getpid(), signal.SIGTERM)\n"
        "print('closed', flush=True)\npass_on(request)\nprint('never')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("closed\n", -signal.SIGTERM)


def test_ctrl_c_that_waits_says_so(capfd):
    request = StopRequest()
    request.waits = True
    request.ask(signal.SIGINT)
    assert "Ctrl-C again leaves at once" in capfd.readouterr().err
