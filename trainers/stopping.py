"""What happens when somebody asks the process to end: the machine, a job scheduler, a closed terminal."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from .errors import Terminated

ASKS_TO_END = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals by which a machine, a job scheduler or a closed terminal ends a process."""


@contextlib.contextmanager
def unwinding_when_asked_to_end() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `Terminated` in the main thread meanwhile, so that what is open gets closed.

    One that was ignored before, as under nohup, stays ignored; other threads than the main one change nothing.
    """

    def end(number: int, frame: FrameType | None) -> None:
        raise Terminated(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ASKS_TO_END}
    for number, usual in before.items():
        if usual is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual if usual is not None else signal.SIG_DFL)
