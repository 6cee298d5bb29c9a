"""Connections: who is slow at sending headers or at taking the answer is cut off, and who is one too many refused."""

import asyncio
import logging
import warnings
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..opencv_log import silence_opencv
from .options import Limits
from .requests.refusal import RefusedError

HEADER_BYTES = 16_384
"""The longest headers that are taken, with the request's line."""

SENDING_SECONDS = 60.0
"""Time for a client to take its answer."""

KEPT_SECONDS = 15
"""How long a connection is kept for further requests."""


def protocol_of(limits: Limits) -> type[H11Protocol]:
    """Give the class of a server's connections."""

    class Protocol(_Protocol):
        pass

    Protocol.limits = limits
    return Protocol


class _Protocol(H11Protocol):
    """uvicorn's connection with deadlines: for headers, and for a request from its headers to the end of its answer."""

    limits: Limits
    _deadline: asyncio.TimerHandle | None = None
    _request: Any = None  # the exchange that the deadline is for
    _unsent: asyncio.TimerHandle | None = None  # the deadline of the last of an answer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time for the headers, or refuse where there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            busy = f"the server is busy, {self.limits.connections} connections are open: come again later"
            self._refuse(RefusedError(503, busy, retry_seconds=1))
            return
        self._set_deadline(self.limits.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline."""
        self._set_deadline(None)
        self._forget_unsent()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in what comes; the first bytes of a further request start the time for its headers."""
        if self.transport.is_closing():
            return
        idle = self._deadline is None
        super().data_received(data)
        if idle and self._deadline is None:
            self._set_deadline(self.limits.header_seconds)

    def handle_events(self) -> None:
        """Let uvicorn handle what came; once a request's headers are there, time for all of it begins."""
        super().handle_events()
        if self.cycle is not None and self.cycle is not self._request and not self.cycle.response_complete:
            self._request = self.cycle
            self._forget_unsent()
            self._set_deadline(self.limits.upload_seconds + self.limits.seconds + SENDING_SECONDS)

    def on_response_complete(self) -> None:
        """Let uvicorn wait for a further request, for its own time, and the client for what is not sent yet."""
        self._set_deadline(None)
        self._forget_unsent()
        if self.transport.get_write_buffer_size():
            # Closing, too, would wait until the last of it is sent.
            self._unsent = self.loop.call_later(SENDING_SECONDS, self._abort_if_unsent)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request of HTTP, or has headers that are too long, in a sentence of JSON."""
        self._refuse(RefusedError(400, "this is no request of HTTP/1.1, or its headers are too long: send another"))

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if seconds is None else self.loop.call_later(seconds, self._too_late)

    def _forget_unsent(self) -> None:
        if self._unsent is not None:
            self._unsent.cancel()
            self._unsent = None

    def _abort_if_unsent(self) -> None:
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def _too_late(self) -> None:
        self._deadline = None
        if self.transport.is_closing():
            self.transport.abort()
        elif self.cycle is None or self.cycle.response_complete:
            seconds = self.limits.header_seconds
            self._refuse(RefusedError(408, f"the request's headers did not arrive within {seconds:g} seconds"))
        else:
            # It does not take its answer: waiting until what is buffered is sent would be waiting for it again.
            self.transport.abort()

    def _refuse(self, refused: RefusedError) -> None:
        """Answer without the application, and close."""
        body = refused.body
        headers = {**refused.headers, "content-length": str(len(body)), "connection": "close"}
        events = (
            h11.Response(status_code=refused.status, headers=list(headers.items())),
            h11.Data(data=body),
            h11.EndOfMessage(),
        )
        try:
            for event in events:
                self.transport.write(self.conn.send(event))
        except h11.LocalProtocolError:
            pass  # an answer is under way, or the connection is over: then closing says enough
        self.transport.close()
        # Whoever does not even take this is let go.
        self._deadline = self.loop.call_later(self.limits.header_seconds, self.transport.abort)


def silence_libraries() -> None:
    """Keep what the libraries log of clients' mistakes away, for this process: the answers say it."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "python_multipart", "PIL"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    silence_opencv()
