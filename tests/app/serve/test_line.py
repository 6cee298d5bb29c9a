"""Who may work: so much at a time, the clients in turn, and nobody keeps the others out."""

import asyncio
import random

import pytest

from metricfit.app.serve.requests.refusal import RefusedError
from metricfit.app.serve.work.line import Line


def soon(work):
    """Run what must not wait for ever."""
    return asyncio.run(asyncio.wait_for(work, 20))


class People:
    """Some who go through a line, in the order in which they got in."""

    def __init__(self, room, most):
        self.line, self.order, self.inside, self.largest = Line(room, most), [], 0, 0

    async def go(self, client, weight, hold):
        async with self.line.turn(client, weight):
            self.order.append(client)
            self.inside += weight
            self.largest = max(self.largest, self.inside)
            try:
                await hold if asyncio.isfuture(hold) else await asyncio.sleep(hold)
            finally:
                self.inside -= weight

    async def start(self, *visits):
        tasks = [asyncio.ensure_future(self.go(*visit)) for visit in visits]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return tasks


def test_clients_take_turns_whatever_one_has_brought():
    async def run():
        people = People(1, 100)
        many = await people.start(*[("many", 1, 0.001)] * 6)
        few = await people.start(("few", 1, 0.001), ("other", 1, 0.001), ("few", 1, 0.001))
        await asyncio.gather(*many, *few)
        return people.order

    assert soon(run()) == ["many", "many", "few", "other", "many", "few", "many", "many", "many"]


def test_a_heavy_one_is_not_overtaken_for_ever():
    async def run():
        people = People(4, 100)
        tasks = await people.start(("a", 2, 0.01), ("b", 2, 0.02), ("heavy", 9, 0.01), *[("a", 1, 0.001)] * 5)
        await asyncio.gather(*tasks)
        return people.order, people.largest

    order, largest = soon(run())
    assert order.index("heavy") == 2
    assert largest == 9, "alone, it may be heavier than the room"


def test_a_full_line_refuses_and_the_largest_part_makes_way():
    async def run():
        people, held = People(1, 3), asyncio.get_running_loop().create_future()
        first = await people.start(("a", 1, held))
        waiting = await people.start(*[("a", 1, 0)] * 3)
        (refused,) = await people.start(("a", 1, 0))
        with pytest.raises(RefusedError, match="3 pictures wait") as error:
            await refused
        assert (error.value.status, error.value.retry_seconds) == (503, 1)
        # Another client comes: the last of the first one gives way.
        (other,) = await people.start(("b", 1, 0))
        with pytest.raises(RefusedError):
            await waiting[2]
        assert len(people.line) == 3
        # Now they have two and one; a second of b would only change places.
        (second,) = await people.start(("b", 1, 0))
        with pytest.raises(RefusedError):
            await second
        held.set_result(None)
        await asyncio.gather(*first, *waiting[:2], other)
        return people.order

    assert soon(run()) == ["a", "a", "b", "a"]


def test_who_leaves_makes_room():
    async def run():
        people, held = People(2, 10), asyncio.get_running_loop().create_future()
        inside = await people.start(("a", 1, held))
        heavy, light = await people.start(("b", 2, 0), ("c", 1, 0))
        heavy.cancel()
        await asyncio.wait([light], timeout=1)
        assert light.done(), "nobody waits behind somebody who is gone"
        assert len(people.line) == 0
        inside[0].cancel()
        await asyncio.sleep(0)
        await people.go("d", 2, 0)

    soon(run())


def test_whoever_is_let_in_and_leaves_at_once_holds_nothing():
    async def run():
        people, held = People(1, 10), asyncio.get_running_loop().create_future()
        inside = await people.start(("a", 1, held))
        (waiting,) = await people.start(("b", 1, 0))
        held.set_result(None)
        await inside[0]
        # It has its turn now, and has not run since.
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.wait_for(people.go("c", 1, 0), 1)

    soon(run())


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_lost_whatever_comes_and_leaves(seed):
    rng = random.Random(seed)

    async def run():
        people = People(10, 8)
        tasks = []
        for _ in range(200):
            tasks += await people.start((rng.choice("abc"), rng.randint(1, 14), rng.choice([0, 0.0005, 0.001])))
            if rng.random() < 0.3:
                rng.choice(tasks).cancel()
            if rng.random() < 0.1:
                await asyncio.sleep(0.001)
        answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)
        assert all(answer is None or isinstance(answer, RefusedError | asyncio.CancelledError) for answer in answers)
        assert people.inside == people.line._inside == len(people.line) == 0
        assert people.largest <= 14
        await asyncio.wait_for(people.go("last", 10, 0), 1)

    soon(run())
