"""Runs the model on as many pictures as are there, and waits for others only where they are on their way."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

Found = Any
"""What the model found in one picture, or the exception that it ended with."""


class _Entry(NamedTuple):
    picture: np.ndarray
    answer: asyncio.Future[Found]
    since: float


class Batches:
    """Brings pictures together that come at the same time.

    A batch begins once `most` pictures are there, once no further ones are coming, or once the first has waited for
    `wait` seconds, always as soon as one of `at_once` batches is free. A picture on which the model fails fails alone.

    Args:
        run: gives what is found in each of the pictures uint8 [B, S, S, 3], or raises; called in a thread.
        most: pictures of a batch.
        wait: seconds that a picture waits for others which are coming.
        at_once: batches at a time.
        threads: runs them.
        noted: told the size of each batch.
    """

    def __init__(
        self,
        run: Callable[[np.ndarray], Sequence[Found]],
        *,
        most: int,
        wait: float,
        at_once: int,
        threads: Executor,
        noted: Callable[[int], None] = lambda size: None,
    ):
        self._run, self._most, self._wait, self._at_once = run, most, wait, at_once
        self._threads, self._noted = threads, noted
        self._entries: deque[_Entry] = deque()
        self._coming = self._running = 0
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Announce a picture, while it is made ready."""
        self._coming += 1
        try:
            yield
        finally:
            self._coming -= 1
            # The picture itself may be handed in right behind.
            asyncio.get_running_loop().call_soon(self._begin)

    async def find(self, picture: np.ndarray) -> Found:
        """Give what the model finds in a picture uint8 [S, S, 3]; raises what the model raises on it."""
        loop = asyncio.get_running_loop()
        entry = _Entry(picture, loop.create_future(), loop.time())
        self._entries.append(entry)
        # What is announced and arrives at the same time belongs to the same batch.
        loop.call_soon(self._begin)
        return await entry.answer

    def _begin(self) -> None:
        """Start what can start now, and look again when the oldest has waited long enough."""
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._running < self._at_once:
            while self._entries and self._entries[0].answer.done():
                self._entries.popleft()  # nobody waits for it any more
            if not self._entries:
                return
            until = self._entries[0].since + self._wait
            if len(self._entries) < self._most and self._coming and loop.time() < until:
                self._timer = loop.call_at(until, self._begin)
                return
            batch = [self._entries.popleft() for _ in range(min(self._most, len(self._entries)))]
            self._start([entry for entry in batch if not entry.answer.done()])

    def _start(self, batch: list[_Entry]) -> None:
        self._running += 1
        task = asyncio.get_running_loop().create_task(self._answer(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, batch: list[_Entry]) -> None:
        loop = asyncio.get_running_loop()
        self._noted(len(batch))
        try:
            answers = await loop.run_in_executor(self._threads, self._found, [entry.picture for entry in batch])
        except Exception as error:  # whoever waits must hear of it
            answers = [error] * len(batch)
        self._running -= 1
        self._begin()
        for entry, answer in zip(batch, answers, strict=True):
            if entry.answer.done():
                continue
            if isinstance(answer, Exception):
                entry.answer.set_exception(answer)
            else:
                entry.answer.set_result(answer)

    def _found(self, pictures: list[np.ndarray]) -> list[Found]:
        """Run the model; where it fails on several, on each of them alone."""
        try:
            found = list(self._run(np.stack(pictures)))
            if len(found) != len(pictures):
                raise ValueError(f"the model gives {len(found)} answers for {len(pictures)} pictures")
            return found
        except Exception as error:
            if len(pictures) == 1:
                return [error]
        return [found for picture in pictures for found in self._found([picture])]
