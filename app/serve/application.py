"""The places of the server and what each answers. Every error is one sentence as JSON."""

import asyncio
import contextlib
import json
import logging
import time
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..predictor import Predictor
from ..reports import say
from .counters import Counters
from .options import Limits
from .page import Page
from .requests.asking import OUTPUTS, what_is_asked
from .requests.origins import Origins
from .requests.rates import Rates, client_name
from .requests.refusal import RefusedError
from .requests.uploads import Held, read_upload, swallow
from .work.answers import Answers

log = logging.getLogger("metricfit")

LEFT = 499
"""The status under which a request is counted whose client did not wait for the answer."""

HELD_FILES = 16
"""Files and answers are held of so many times the largest file's size, all of them together."""

_UNTIL_THE_END = "metricfit.until_the_end"  # where a request's scope has what ends with it

_ALWAYS = {
    "cache-control": "no-store",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


@dataclass
class State:
    """Whether the server takes requests still."""

    draining: bool = False


class Service:
    """What a server does: an ASGI application around a predictor.

    Args:
        predictor: the model.
        limits: how much is taken.
        name: what the model is called.
        origins: by which names the server may be called; any where None.
        access_log: whether each request is said.
    """

    def __init__(
        self,
        predictor: Predictor,
        limits: Limits,
        *,
        name: str = "",
        origins: Origins | None = None,
        access_log: bool = False,
    ):
        self.predictor, self.limits, self.name = predictor, limits, name or predictor.file
        self.state, self.counters = State(), Counters()
        self.answers = Answers(predictor, limits, self.counters)
        self.counters.watch(
            lambda: len(self.answers.line), lambda: self.state.draining, name=self.name, task=predictor.task.name
        )
        self._rates, self._held = Rates(limits.rate), Held(HELD_FILES * limits.bytes)
        self._page = Page(self.name, predictor, limits)
        routes = [
            Route("/predict", self._predict, methods=["POST"]),
            Route("/health", self._health),
            Route("/metrics", self._metrics),
            Route("/model", self._model),
            *(Route(f"/{file}", self._file) for file in self._page.files),
        ]
        places = frozenset(route.path for route in routes)
        inner = Router(routes, redirect_slashes=False)
        self.app: ASGIApp = _Outer(inner, self, origins or Origins(), access_log, places)

    async def _predict(self, request: Request) -> Response:
        client = client_name(request.client.host if request.client else "")
        self._rates.take(client)
        query = list(request.query_params.multi_items())
        accept = request.headers.get("accept", "")
        what_is_asked(query, accept, self.predictor)  # before anything is read
        # Until the answer is sent: a client may be slow at taking it, too.
        hold = request.scope[_UNTIL_THE_END].enter_context(self._held.hold())
        upload = await read_upload(request, self.limits, hold)
        self.counters.received.inc(len(upload.file))
        asked = what_is_asked([*query, *upload.fields], accept, self.predictor)
        answer = await _unless_left(request, self.answers.answer(upload.file, asked, client))
        hold(len(answer.body))
        headers = {"vary": "accept"}
        if answer.repaired and answer.kind != "application/json":
            headers["x-repaired"] = "; ".join(answer.repaired)
        return Response(answer.body, media_type=answer.kind, headers=headers)

    async def _health(self, request: Request) -> Response:
        ready = not self.state.draining
        return _json({"status": "ready" if ready else "draining"}, 200 if ready else 503)

    async def _metrics(self, request: Request) -> Response:
        text, kind = self.counters.text(request.headers.get("accept", ""))
        return Response(text, headers={"content-type": kind})

    async def _model(self, request: Request) -> Response:
        predictor, runner = self.predictor, self.predictor.runner
        task = predictor.task
        outputs = [output for output in OUTPUTS if output != "mask" or task.name != "detection"]
        return _json(
            {
                "name": self.name,
                "task": task.name,
                "file": predictor.file,
                "card": runner.card and runner.card.name,
                "input_size": runner.size,
                "class_names": list(predictor.class_names),
                "threshold": predictor.threshold.value,
                "thresholds": list(predictor.threshold.per_class),
                "threshold_explained": predictor.threshold.explained,
                "outputs": outputs,
                "views": dict(task.result.titles),
                "limits": self.limits.to_dict(),
            }
        )

    async def _file(self, request: Request) -> Response:
        body, headers = self._page.files[request.url.path.lstrip("/")]
        return Response(body, headers=headers)


class _Outer:
    """Around all places: names and origins are checked, errors become sentences, requests are counted."""

    def __init__(
        self, inner: ASGIApp, service: Service, origins: Origins, access_log: bool, places: frozenset[str]
    ) -> None:
        self._inner, self._service, self._origins = inner, service, origins
        self._access_log, self._places = access_log, places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        receiving, sending = _Receiving(receive), _Sending(send)
        # The router raises its own errors, instead of answering by itself, where an application is named.
        until_the_end = contextlib.ExitStack()
        request = Request({**scope, "app": self, _UNTIL_THE_END: until_the_end}, receiving)
        counters, began = self._service.counters, time.perf_counter()
        with until_the_end, counters.in_flight.track_inprogress():
            try:
                self._origins.check(request)
                await self._inner(request.scope, receiving, sending)
            except ClientDisconnect:
                sending.status = LEFT
            except asyncio.CancelledError:
                # The time for the last answers is over.
                ended = RefusedError(503, "the server was ended before the answer was there: send it to another")
                await _refuse(receiving, sending, ended)
            except HTTPException as error:
                await _refuse(receiving, sending, _unknown(request, error))
            except RefusedError as refused:
                if refused.status == 500:
                    log.error("%s: %r", refused, refused.__cause__)
                await _refuse(receiving, sending, refused)
            except Exception as error:  # nobody else is left to tell the client
                log.exception("unexpected error at %s", scope["path"], exc_info=error)
                await _refuse(receiving, sending, RefusedError(500, "the server failed, its log says why"))
        self._count(request, sending, time.perf_counter() - began)

    def _count(self, request: Request, sending: "_Sending", seconds: float) -> None:
        counters, path = self._service.counters, request.scope["path"]
        place = path if path in self._places else "other"
        status = sending.status or LEFT
        counters.requests.labels(place, str(status)).inc()
        counters.seconds.labels(place).observe(seconds)
        counters.sent.inc(sending.bytes)
        if self._access_log:
            client = request.client.host if request.client else "-"
            line = '%s "%s %s" %d %.0f ms %d bytes'
            shown = ascii(path)[1:-1][:200]
            say(line, client, request.method, shown, status, seconds * 1e3, sending.bytes)


class _Receiving:
    """Passes a request's body on, and remembers whether it came to its end."""

    def __init__(self, receive: Receive):
        self._receive, self.ended = receive, False

    async def __call__(self) -> Message:
        message = await self._receive()
        self.ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message


class _Sending:
    """Passes an answer on, with the headers that all answers have, and remembers what was sent."""

    def __init__(self, send: Send):
        self._send, self.status, self.bytes = send, 0, 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            present = {name for name, _ in message["headers"]}
            further = [(name.encode(), value.encode()) for name, value in _ALWAYS.items()]
            message["headers"] = [*message["headers"], *(one for one in further if one[0] not in present)]
        elif body := message.get("body", b""):
            self.bytes += len(body)
            # What comes behind a long part waits until the client has taken it: so long the answer counts as held.
            await self._send({**message, "more_body": True})
            message = {**message, "body": b""}
        await self._send(message)


async def _unless_left(request: Request, work: Any) -> Any:
    """Do the work unless the client leaves meanwhile: then ClientDisconnect."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        for task in (working, leaving):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            await working


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refuse(receiving: _Receiving, sending: _Sending, refused: RefusedError) -> None:
    """Send a refusal; where the answer has begun already, break it off."""
    if sending.status:
        raise ConnectionAbortedError("the answer had begun") from refused
    headers = {**refused.headers, "content-length": str(len(refused.body))}
    if not receiving.ended:
        headers["connection"] = "close"
    # A client that still sends has its answer now, and is listened to for a while, as it may look only afterwards; one
    # that was too slow is not.
    unread = not receiving.ended and refused.status != 408
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await sending({"type": "http.response.start", "status": refused.status, "headers": raw})
    await sending({"type": "http.response.body", "body": refused.body, "more_body": unread})
    if unread:
        await swallow(receiving)
        await sending({"type": "http.response.body", "body": b"", "more_body": False})


def _unknown(request: Request, error: HTTPException) -> RefusedError:
    """Say what there is, where a place or method was asked for that there is not."""
    if error.status_code == 405:
        allow = (error.headers or {}).get("Allow", "")
        return RefusedError(405, f"{request.method[:20]} does not go here: use {allow}", allow=allow)
    return RefusedError(
        error.status_code,
        "there is nothing at this address: expected POST /predict, GET /, /health, /metrics or /model",
    )


def _json(said: dict[str, Any], status: int = 200) -> Response:
    body = json.dumps(said, ensure_ascii=False).encode()
    return Response(body, status, media_type="application/json")
