"""What happens when somebody asks the process to end: the machine, a job scheduler, a closed terminal, Ctrl-C."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from .errors import Terminated

ASKS_TO_END = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals by which a machine, a job scheduler or a closed terminal ends a process."""


class StopRequest:
    """Whether somebody asks something long to end, and whether that waits for a good moment.

    Attributes:
        number: the signal by which it was asked; None while nobody did.
        waits: whether the first signal lets go on, until `leave_if_asked`; else, and by a second one, it ends at once.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self.waits = False

    def leave_if_asked(self) -> None:
        """Raise `Terminated`, or KeyboardInterrupt after Ctrl-C, where somebody asked."""
        if self.number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.number is not None:
            raise Terminated(self.number)

    def ask(self, number: int) -> None:
        """Note a signal."""
        first, self.number = self.number is None, number if self.number is None else self.number
        if not (first and self.waits):
            self.leave_if_asked()
        if number == signal.SIGINT:
            # Past Python's own buffers, in which the signal may have come.
            os.write(2, b"\nending after this step, which is kept; Ctrl-C again leaves at once\n")


@contextlib.contextmanager
def unwinding_when_asked_to_end() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `Terminated` in the main thread meanwhile, so that what is open gets closed.

    One that was ignored before, as under nohup, stays ignored; other threads than the main one change nothing. Where it
    meets TensorFlow raising an error, a RuntimeError says that it took the error's place: then it comes after all.
    """
    asked: list[int] = []

    def end(number: int) -> None:
        asked.append(number)
        raise Terminated(number)

    with _handled(ASKS_TO_END, end):
        try:
            yield
        except RuntimeError as error:
            if asked and Terminated.__name__ in str(error):
                raise Terminated(asked[0]) from error
            raise


@contextlib.contextmanager
def asked_to_end() -> Iterator[StopRequest]:
    """Turn SIGTERM, SIGHUP and Ctrl-C into a request meanwhile.

    One that was ignored stays ignored; in other threads than the main one, which get no signals, nobody ever asks.
    """
    request = StopRequest()
    with _handled((signal.SIGINT, *ASKS_TO_END), request.ask):
        yield request


def pass_on(request: StopRequest) -> None:
    """Let the machine's signal reach whoever handled it before, now that all is left in order; Ctrl-C is done with.

    The program unwinds; a script that handles none ends as if the signal had come now.
    """
    if request.number is not None and request.number in ASKS_TO_END:
        signal.raise_signal(request.number)


@contextlib.contextmanager
def _handled(numbers: Sequence[int], handle: Callable[[int], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}

    def handler(number: int, frame: FrameType | None) -> None:
        handle(number)

    for number, usual in before.items():
        if usual is not signal.SIG_IGN:
            signal.signal(number, handler)
    try:
        yield
    finally:
        for number, usual in before.items():
            signal.signal(number, usual if usual is not None else signal.SIG_DFL)
