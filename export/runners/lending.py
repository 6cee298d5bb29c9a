"""Lends what only one thread may use at a time: opened as it is needed, handed on in the order of asking."""

import os
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

ThingT = TypeVar("ThingT")


class Lending(Generic[ThingT]):
    """Up to `most` equal things, each lent to one thread at a time."""

    def __init__(self, opened: Callable[[], ThingT], most: int):
        self._opened, self._most = opened, most
        self._kept: list[list[ThingT]] = []  # of a process that this one was forked from: closing them would hang
        self._begin()

    def _begin(self) -> None:
        self._process, self._lock, self._count = os.getpid(), threading.Lock(), 0
        self._free: list[ThingT] = []
        self._waiting: deque[queue.SimpleQueue[ThingT]] = deque()

    @contextmanager
    def lent(self) -> Iterator[ThingT]:
        """Lend one for a while; waits where all are lent."""
        if self._process != os.getpid():
            # The threads behind an inherited one did not come along, and its lock may be held for ever.
            self._kept.append(self._free)
            self._begin()
        thing = self._take()
        try:
            yield thing
        finally:
            self._give(thing)

    def _take(self) -> ThingT:
        with self._lock:
            if self._free:
                return self._free.pop()
            if self._count < self._most:
                thing = self._opened()
                self._count += 1
                return thing
            turn: queue.SimpleQueue[ThingT] = queue.SimpleQueue()
            self._waiting.append(turn)
        return turn.get()

    def _give(self, thing: ThingT) -> None:
        # Into the hands of who has waited longest: a lock would let the thread that gives it back take it again.
        with self._lock:
            if self._waiting:
                self._waiting.popleft().put(thing)
            else:
                self._free.append(thing)
