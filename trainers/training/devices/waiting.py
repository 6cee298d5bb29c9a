"""A process of several waits for the others only so long: one of them may hang without having died."""

import contextlib
import math
import threading
import time
from collections.abc import Callable, Iterator

from tensorflow.python.eager import context
from tensorflow.python.framework import errors


class Wait:
    """Ends what TensorFlow waits for by an error, where a step or a message between processes takes too long.

    TensorFlow notices a process that died, not one that reads from a disk that never answers; its own limit on
    messages takes a thread for each of them.

    Args:
        minutes: that a step or message may take, with all that one of the processes does meanwhile.
        abort: ends all messages, by a sentence.
    """

    def __init__(self, minutes: float, abort: Callable[[str], None] | None = None) -> None:
        self.minutes, self._abort, self._end = minutes, abort or _abort, math.inf

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """Look meanwhile, in a thread, whether it takes too long."""
        done = threading.Event()
        watch = threading.Thread(target=self._watch, args=(done,), daemon=True)
        watch.start()
        try:
            yield
        finally:
            done.set()
            watch.join()

    def begin(self) -> None:
        """Begin to wait."""
        self._end = time.monotonic() + 60 * self.minutes

    def end(self) -> None:
        """End it: the others were there."""
        self._end = math.inf

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(min(1.0, 15 * self.minutes)):
            if time.monotonic() > self._end:
                self._abort(f"no word from it for {self.minutes:g} minutes (--wait-minutes)")
                return


def _abort(sentence: str) -> None:
    context.context().abort_collective_ops(errors.DEADLINE_EXCEEDED, sentence)
