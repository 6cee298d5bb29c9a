"""Pictures that come together are computed together; one that comes alone waits for nobody."""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from metricfit.app.serve.work.batches import Batches


class Model:
    """Gives the value of each picture, tells the sizes of its batches, and fails on the value 13."""

    def __init__(self, **settings):
        self.sizes, self.at_once, self.most_at_once, self.seconds = [], 0, 0, 0.0
        self.lock = threading.Lock()
        self.threads = ThreadPoolExecutor(8)
        self.batches = Batches(self.run, **{"most": 4, "wait": 0.5, "at_once": 1, "threads": self.threads, **settings})

    def run(self, pictures):
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.at_once, self.most_at_once)
            self.sizes.append(len(pictures))
        time.sleep(self.seconds)
        with self.lock:
            self.at_once -= 1
        if (pictures == 13).any():
            raise ValueError("thirteen")
        return [ValueError("seven") if value == 7 else value for value in pictures[:, 0, 0, 0].tolist()]

    async def find(self, value, ready_after=0.0):
        with self.batches.coming():
            await asyncio.sleep(ready_after)
            picture = np.full((2, 2, 3), value, np.uint8)
        return await self.batches.find(picture)


def test_one_alone_waits_for_nobody():
    model = Model(wait=60.0)
    began = time.monotonic()
    assert asyncio.run(asyncio.wait_for(model.find(5), 10)) == 5
    assert time.monotonic() - began < 10
    assert model.sizes == [1]


def test_those_that_come_together_are_computed_together():
    async def run(model, count):
        return await asyncio.gather(*(model.find(value, 0.01 * value) for value in range(count)))

    model = Model(wait=60.0)
    assert asyncio.run(run(model, 6)) == list(range(6))
    assert model.sizes == [4, 2]


def test_others_are_waited_for_so_long():
    async def run(model):
        late = asyncio.ensure_future(model.find(2, 5.0))
        first = await asyncio.wait_for(model.find(1), 2)
        late.cancel()
        return first

    model = Model(wait=0.1)
    assert asyncio.run(run(model)) == 1
    assert model.sizes == [1]


def test_who_is_expected_and_does_not_come_keeps_nobody_waiting():
    async def run(model):
        late = asyncio.ensure_future(model.find(2, 60.0))
        first = asyncio.ensure_future(model.find(1))
        await asyncio.sleep(0.05)
        assert not first.done()
        late.cancel()
        return await asyncio.wait_for(first, 10)

    assert asyncio.run(run(Model(wait=60.0))) == 1


def test_while_the_model_computes_the_next_batch_gathers():
    async def run(model):
        first = asyncio.ensure_future(model.find(1))
        await asyncio.sleep(0.05)
        others = [asyncio.ensure_future(model.find(value)) for value in (2, 3, 4, 5, 6)]
        return await asyncio.gather(first, *others)

    model = Model(wait=0.0)
    model.seconds = 0.2
    assert asyncio.run(run(model)) == [1, 2, 3, 4, 5, 6]
    assert model.sizes == [1, 4, 1]
    assert model.most_at_once == 1


def test_as_many_batches_at_once_as_are_allowed():
    async def run(model):
        return await asyncio.gather(*(model.find(value) for value in range(1, 7)))

    model = Model(most=1, at_once=3)
    model.seconds = 0.1
    assert asyncio.run(run(model)) == [1, 2, 3, 4, 5, 6]
    assert (model.sizes, model.most_at_once) == ([1] * 6, 3)


def test_a_picture_on_which_the_model_fails_fails_alone():
    async def run(model, *values):
        return await asyncio.gather(*(model.find(value) for value in values), return_exceptions=True)

    model = Model()
    answers = asyncio.run(run(model, 1, 13, 7, 2))
    assert answers[0] == 1
    assert answers[3] == 2
    assert [str(answers[1]), str(answers[2])] == ["thirteen", "seven"]
    assert model.sizes == [4, 1, 1, 1, 1], "together, then each by itself"


def test_who_has_left_is_not_computed():
    async def run(model):
        first = asyncio.ensure_future(model.find(1))
        await asyncio.sleep(0.05)
        others = [asyncio.ensure_future(model.find(value)) for value in (2, 3, 4)]
        await asyncio.sleep(0.05)
        others[0].cancel()
        others[1].cancel()
        return await asyncio.gather(first, others[2])

    model = Model()
    model.seconds = 0.3
    assert asyncio.run(run(model)) == [1, 4]
    assert model.sizes == [1, 1]


def test_threads_that_are_gone_are_said():
    model = Model()
    model.threads.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        asyncio.run(asyncio.wait_for(model.find(1), 10))


def test_an_answer_for_another_number_of_pictures_is_an_error():
    model = Model()
    model.batches._run = lambda pictures: [1, 2, 3]
    with pytest.raises(ValueError, match="3 answers for 1 pictures"):
        asyncio.run(asyncio.wait_for(model.find(1), 10))
