"""Listens, and ends as it is asked to: what runs is answered first, or, asked twice, at once."""

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ...trainers.errors import UsageError
from ...trainers.stopping import ASKS_TO_END
from .application import Service
from .protocol import HEADER_BYTES, KEPT_SECONDS, protocol_of, silence_libraries

log = logging.getLogger("metricfit")

GRACE_SECONDS, FIRST_SECONDS = 0.3, 5.0
"""Time for a further request on a kept connection, and for the first of a new one, once nobody is let in any more."""

SO_ATTACH_FILTER, BPF_RETURN = 26, 6
"""Linux's numbers, which `socket` does not name (asm-generic/socket.h, linux/filter.h)."""


def bind(host: str, port: int) -> socket.socket:
    """Take an address, without listening yet; UsageError where it cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise UsageError(f"expected a --host of this machine, got {host}: take 127.0.0.1 or 0.0.0.0") from error
    listener = socket.socket(family, kind, protocol)
    try:
        # A port that a server had before is free at once, not a minute later.
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Others that want it are told now, not once the model is loaded; who connects meanwhile waits.
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UsageError(f"cannot listen at {host}, port {port} ({error.strerror}): choose another --port") from error
    listener.setblocking(False)
    return listener


def let_none_connect(listener: socket.socket) -> None:
    """Drop what asks for a new connection; those that wait already can be accepted still.

    Whoever connects between the last `accept` and the closing would be reset by the closing; one whose first packet is
    dropped sends it again and is refused in good order. Linux has this (a socket filter that lets nothing pass);
    elsewhere, and where a sandbox forbids it, that moment is left.
    """
    if sys.platform == "linux":
        instruction = ctypes.create_string_buffer(struct.pack("HBBI", BPF_RETURN, 0, 0, 0))
        with contextlib.suppress(OSError):
            listener.setsockopt(
                socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(instruction))
            )


def url_of(listener: socket.socket) -> str:
    """Give the address at which a browser finds the server."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/"


class Server(uvicorn.Server):
    """Runs a service until it is asked to end.

    Attributes:
        unanswered: how many requests were running still when the time for them was over.
    """

    def __init__(self, service: Service, proxies: tuple[str, ...] = ()):
        limits = service.limits
        super().__init__(
            uvicorn.Config(
                service.app,
                http=protocol_of(limits),
                ws="none",
                lifespan="off",
                loop="asyncio",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=bool(proxies),
                forwarded_allow_ips=list(proxies),
                timeout_keep_alive=KEPT_SECONDS,
                timeout_graceful_shutdown=None,
                h11_max_incomplete_event_size=HEADER_BYTES,
            )
        )
        silence_libraries()
        self.service, self.unanswered = service, 0

    def run_at(self, listener: socket.socket) -> None:
        """Serve until asked to end."""
        self.run(sockets=[listener])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in, answer what runs, for as long as is allowed, and close."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        until = began + self.service.limits.drain_seconds
        await self._close_the_door(sockets or [])
        self.service.state.draining = True
        connections: set[H11Protocol] = self.server_state.connections  # type: ignore[assignment]
        while (connections or self.server_state.tasks) and loop.time() < until:
            waited = loop.time() - began
            for connection in list(connections):
                if waited > (FIRST_SECONDS if connection.cycle is None else GRACE_SECONDS):
                    connection.shutdown()
            await asyncio.sleep(0.02)
        running = list(self.server_state.tasks)
        self.unanswered = len(running)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=1.0)
            await asyncio.sleep(0.1)
        for connection in list(connections):
            connection.transport.abort()
        self.service.answers.close()

    async def _close_the_door(self, listeners: list[socket.socket]) -> None:
        """Let nobody in any more, but those who have connected already."""
        loop = asyncio.get_running_loop()
        for listener in listeners:
            loop.remove_reader(listener)
            let_none_connect(listener)
        # Those that asyncio is letting in just now would be turned away by the closing.
        await asyncio.sleep(0.01)
        last: list[socket.socket] = []
        for listener in listeners:
            with contextlib.suppress(OSError):
                while True:
                    last.append(listener.accept()[0])
        for server in self.servers:
            server.close()
        for connected in last:
            connected.setblocking(False)
            await loop.connect_accepted_socket(self._protocol, connected)

    def _protocol(self) -> asyncio.Protocol:
        kind = self.config.http_protocol_class
        assert isinstance(kind, type)
        return kind(config=self.config, server_state=self.server_state, app_state={})  # type: ignore[call-arg]

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take signals meanwhile; they are not raised again, since the server has done what they ask."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        asked = {number: signal.getsignal(number) for number in (signal.SIGINT, *ASKS_TO_END)}
        for number, usual in asked.items():
            if usual is not signal.SIG_IGN or number == signal.SIGINT:
                signal.signal(number, self.handle_exit)
        try:
            yield
        finally:
            for number, usual in asked.items():
                signal.signal(number, usual if usual is not None else signal.SIG_DFL)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End: the first time in good order, then at once."""
        if not self.should_exit:
            self.should_exit = True
            return
        end_at_once(128 + sig)


def end_at_once(code: int) -> None:
    """End the process, whatever its threads are doing."""
    with contextlib.suppress(Exception):  # the signal may have come while a line was written
        sys.stdout.flush()
    os._exit(code)
