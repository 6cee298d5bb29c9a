"""Who may work: so many pixels at a time, those who wait in turn by client, and only so many of them."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from ..requests.refusal import RefusedError


class _Place(NamedTuple):
    turn: asyncio.Future[None]
    weight: int


class Line:
    """A line before a room for so much weight.

    The clients take turns, each with what it brought first. Where the line is full, whoever has most in it gives way to
    one that has fewer: nobody keeps the others out.

    Args:
        room: what may be inside at a time; a heavier one waits until it is alone.
        most: how many may wait.
    """

    def __init__(self, room: int, most: int):
        self._room, self._most = room, most
        self._inside = 0
        self._waiting: OrderedDict[str, deque[_Place]] = OrderedDict()  # by client, whose turn is next first

    def __len__(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def turn(self, client: str, weight: int) -> AsyncIterator[None]:
        """Wait for room, and hold it meanwhile; RefusedError where too many wait."""
        weight = min(weight, self._room)
        await self._enter(client, weight)
        try:
            yield
        finally:
            self._leave(weight)

    async def _enter(self, client: str, weight: int) -> None:
        if not self._waiting and self._inside + weight <= self._room:
            self._inside += weight
            return
        if len(self) >= self._most:
            self._make_way(client)
        place = _Place(asyncio.get_running_loop().create_future(), weight)
        self._waiting.setdefault(client, deque()).append(place)
        try:
            await place.turn
        except BaseException:
            if place.turn.done() and not place.turn.cancelled() and place.turn.exception() is None:
                # It was let in and left before it knew.
                self._leave(weight)
            else:
                self._forget(client, place)
            raise

    def _leave(self, weight: int) -> None:
        self._inside -= weight
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            client = next(iter(self._waiting))
            place = self._waiting[client][0]
            if self._inside + place.weight > self._room:
                # Lighter ones do not overtake it, or it might wait for ever.
                return
            self._waiting[client].popleft()
            others = self._waiting.pop(client)
            if others:
                self._waiting[client] = others
            if not place.turn.done():
                self._inside += place.weight
                place.turn.set_result(None)

    def _make_way(self, client: str) -> None:
        full = RefusedError(503, f"the server is busy, {len(self)} pictures wait: send it again later", retry_seconds=1)
        largest = max(self._waiting, key=lambda one: len(self._waiting[one]))
        if len(self._waiting[largest]) <= len(self._waiting.get(client, ())) + 1:
            raise full
        last = self._waiting[largest].pop()
        if not last.turn.done():
            last.turn.set_exception(full)

    def _forget(self, client: str, place: _Place) -> None:
        places = self._waiting.get(client)
        if places is not None:
            if place in places:
                places.remove(place)
            if not places:
                del self._waiting[client]
        # It may have been the one that was too heavy.
        self._let_in()
