"""The way of one upload through the line, the threads and the model to its answer."""

import asyncio
import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np

from ....trainers.errors import MetricfitError
from ....trainers.machine import cores
from ...predictor import Predictor
from ...results import Result
from ..counters import Counters
from ..options import Limits
from ..requests.asking import KINDS, Asked
from ..requests.refusal import RefusedError
from .batches import Batches
from .line import Line
from .pictures import Picture, decode, pixels_of

ROOM = 4
"""So many of the largest pictures are decoded at a time."""

ValueT = TypeVar("ValueT")


class Answer(NamedTuple):
    """What is sent back."""

    body: bytes
    kind: str  # its media type
    repaired: list[str]  # what was mended in the picture


@dataclass
class Stage:
    """How far a picture has come, for what is said when the time is over; and whether anybody still waits for it."""

    working: bool = False
    left: bool = False


def batch_of(predictor: Predictor) -> int:
    """How many pictures the model takes at a time, unless told otherwise: .tflite files compute one by one."""
    return 8 if predictor.runner.kind in ("keras", "saved_model") else 1


class Answers:
    """Answers uploads, of several clients at a time, with one predictor."""

    def __init__(self, predictor: Predictor, limits: Limits, counters: Counters):
        self.predictor, self.limits, self.counters = predictor, limits, counters
        # TensorFlow spreads one batch over the cores by itself; .tflite files are lent as often as the cores allow.
        threads = getattr(predictor.runner, "threads", None)
        at_once = max(1, cores() // threads) if threads else 1
        self._threads = ThreadPoolExecutor(max(2, min(4, cores())), "picture")
        self._model_threads = ThreadPoolExecutor(at_once, "model")
        self.line = Line(ROOM * limits.pixels, limits.waiting)
        self._batches = Batches(
            self._find,
            most=limits.batch,
            wait=limits.batch_seconds,
            at_once=at_once,
            threads=self._model_threads,
            noted=counters.batches.observe,
        )
        self._running: set[asyncio.Task[Answer]] = set()

    @property
    def running(self) -> int:
        """How many pictures are being worked on."""
        return len(self._running)

    async def answer(self, file: bytes, asked: Asked, client: str) -> Answer:
        """Give the answer about a file, within the limit of time.

        Cancelled, it leaves the line at once; a thread that has begun goes on to its end, and holds its room.

        Raises:
            RefusedError: 413 or 422 where the picture is at fault, 503 or 504 where it takes too long, 500 where the
                model fails on it.
        """
        stage = Stage()
        task = asyncio.get_running_loop().create_task(self._answer(file, asked, client, stage))
        self._running.add(task)
        task.add_done_callback(self._done)
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await asyncio.shield(task)
        except TimeoutError as error:
            self._leave(task, stage)
            if stage.working:
                raise RefusedError(504, f"the model took longer than {self.limits.seconds:g} seconds") from error
            raise RefusedError(
                503, f"the server is busy, the picture waited for {self.limits.seconds:g} seconds", retry_seconds=5
            ) from error
        except asyncio.CancelledError:
            self._leave(task, stage)
            raise

    def close(self) -> None:
        """Let the threads end, without waiting for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._model_threads.shutdown(wait=False, cancel_futures=True)

    def _leave(self, task: asyncio.Task[Answer], stage: Stage) -> None:
        stage.left = True
        if not stage.working:
            task.cancel()

    def _done(self, task: asyncio.Task[Answer]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # seen here where nobody waits any more

    async def _answer(self, file: bytes, asked: Asked, client: str, stage: Stage) -> Answer:
        pixels = await self._in_thread(pixels_of, file, self.limits.pixels)
        async with self.line.turn(client, pixels):
            stage.working = True
            with self._batches.coming():
                picture, fitted = await self._in_thread(self._prepare, file)
            _still_wanted(stage)
            try:
                found = await self._batches.find(fitted)
            except Exception as error:
                raise ModelError(f"the model failed on this picture ({type(error).__name__})") from error
            _still_wanted(stage)
            return await self._in_thread(self._finish, found, picture, asked)

    async def _in_thread(self, function: Callable[..., ValueT], *arguments: Any) -> ValueT:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _prepare(self, file: bytes) -> tuple[Picture, np.ndarray]:
        picture = decode(file, self.limits.pixels)
        return picture, self.predictor.fit(picture.image)

    def _find(self, pictures: np.ndarray) -> list[Any]:
        """Run the model; of a picture for which it gives no numbers, give that error."""
        with self.counters.model.time():
            answers: list[Any] = self.predictor.find(pictures)
        for place, found in enumerate(answers):
            try:
                self.predictor.task.check(found, self.predictor.runner)
            except MetricfitError as error:
                answers[place] = error
        return answers

    def _finish(self, found: Any, picture: Picture, asked: Asked) -> Answer:
        result = self.predictor.restore(found, picture.image, rgba=picture.rgba)
        if asked.threshold is not None:
            result = result.at(asked.threshold)
        if asked.output == "json":
            return Answer(_json(result, asked, picture.repaired), "application/json", picture.repaired)
        return Answer(_drawn(result, asked), KINDS[asked.suffix], picture.repaired)


class ModelError(RefusedError):
    """The model failed: the server's fault, of which its log says more."""

    def __init__(self, sentence: str):
        super().__init__(500, sentence)


def _still_wanted(stage: Stage) -> None:
    if stage.left:
        raise asyncio.CancelledError


def _json(result: Result, asked: Asked, repaired: list[str]) -> bytes:
    said = {**result.to_dict(), "threshold": result.threshold.value, "repaired": repaired}
    if asked.embed:
        picture = base64.b64encode(_drawn(result, asked)).decode()
        said["overlay"] = f"data:{KINDS[asked.suffix]};base64,{picture}"
    return json.dumps(said, ensure_ascii=False, allow_nan=False).encode()


def _drawn(result: Result, asked: Asked) -> bytes:
    try:
        return result.encode(asked.suffix, asked.view, objects=asked.objects)
    except MetricfitError as error:
        raise RefusedError(422, str(error)) from error
