"""Over real sockets: slow and broken clients, the end of a server, and who was accepted is answered."""

import errno
import http.client
import json
import socket
import sys
import threading
import time

import pytest

from metricfit.app.serve import protocol
from metricfit.app.serve.requests import uploads
from metricfit.app.serve.server import bind, url_of
from metricfit.trainers.errors import UsageError

from ..fakes import BrightnessRunner
from .clients import encoded, form, served, service_of

PICTURE = encoded()


def post(port, body=PICTURE, headers=(), path="/predict"):
    """Send a picture over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", path, body, dict(headers))
    reply = connection.getresponse()
    found = reply.status, reply.read(), reply.headers
    connection.close()
    return found


def until(true, seconds=20.0):
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def until_closed(client: socket.socket) -> bytes:
    """All that comes, until the other side ends it."""
    client.settimeout(20)
    heard = b""
    while data := client.recv(65536):
        heard += data
    return heard


def test_a_picture_is_answered_and_the_connection_kept():
    with served(service_of()) as (port, _):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        for body, headers in ((PICTURE, {}), form(("a", "a.png", PICTURE)), (iter([PICTURE[:9], PICTURE[9:]]), {})):
            connection.request("POST", "/predict", body, headers)
            reply = connection.getresponse()
            assert reply.status == 200
            assert json.loads(reply.read())["width"] == 160


def test_who_sends_too_much_hears_why_although_it_looks_only_afterwards():
    with served(service_of(bytes=100_000)) as (port, _):
        for size in (200_000, 30_000_000):
            for headers in ({}, {"transfer-encoding": "chunked"}):
                body = b"x" * size if not headers else iter([b"x" * 100_000] * (size // 100_000))
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                connection.request("POST", "/predict", body, headers, encode_chunked=bool(headers))
                reply = connection.getresponse()
                assert reply.status == 413
                assert "allowed" in json.loads(reply.read())["error"]


def test_who_asks_first_is_told_before_it_sends():
    with served(service_of(bytes=1000)) as (port, _), socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n"
        )
        client.settimeout(20)
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_slow_headers_are_cut_off():
    with served(service_of(upload_seconds=0.6)) as (port, _):
        for start in (b"", b"POST /pre", b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-Slow: "):
            with socket.create_connection(("127.0.0.1", port)) as client:
                stop = threading.Event()

                def drip(client=client, start=start, stop=stop):
                    client.sendall(start)
                    while start and not stop.wait(0.05):
                        try:
                            client.sendall(b"x")
                        except OSError:
                            return

                thread = threading.Thread(target=drip)
                thread.start()
                began = time.monotonic()
                try:
                    heard = until_closed(client)
                except ConnectionResetError:
                    heard = b"HTTP/1.1 408 "
                stop.set()
                thread.join()
                assert heard.startswith(b"HTTP/1.1 408 ")
                assert time.monotonic() - began < 10
        # The same for the headers of a further request on a connection.
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.settimeout(20)
            heard = b""
            while b"ready" not in heard:
                heard += client.recv(65536)
            client.sendall(b"GET /hea")
            assert b"HTTP/1.1 408 " in until_closed(client)


def test_slow_bodies_are_cut_off(monkeypatch):
    monkeypatch.setattr(uploads, "SILENT_SECONDS", 0.1)
    with served(service_of(upload_seconds=0.5)) as (port, _), socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n\r\nabc")
        heard = until_closed(client)
        assert heard.startswith(b"HTTP/1.1 408 ")
        assert b"did not arrive within 0.5 seconds" in heard


@pytest.mark.parametrize("side", [700, 120])
def test_who_does_not_take_its_answer_is_let_go(side, monkeypatch):
    monkeypatch.setattr(protocol, "SENDING_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "KEPT_SECONDS", 0.1)
    service = service_of(upload_seconds=1.0, seconds=1.5)
    body = encoded(encode_noise(side), kind="JPEG")
    head = f"POST /predict?output=overlay&format=png HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n"
    with served(service) as (port, server), socket.socket() as client:
        # As little as the machine allows is on its way.
        for listener in server.servers[0].sockets:
            listener._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", port))
        client.sendall(head.encode() + body)
        until(lambda: server.server_state.connections)
        (connection,) = server.server_state.connections
        until(lambda: connection.transport.get_write_buffer_size())
        assert (service._held.bytes > 0) == (side == 700), "what is long counts until it is taken"
        began = time.monotonic()
        until(lambda: not server.server_state.connections)
        assert time.monotonic() - began > 0.1
    assert service._held.bytes == 0


def encode_noise(side):
    import numpy as np

    return np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)


@pytest.mark.parametrize(
    "request_",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 1_000_000 + b"\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: many\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_request_is_answered_as_json(request_):
    with served(service_of(upload_seconds=3.0)) as (port, _), socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(request_)
        try:
            heard = until_closed(client)
        except ConnectionResetError:
            heard = b""
        assert heard.startswith(b"HTTP/1.1 400 ") or not heard
        assert not heard or set(json.loads(heard.partition(b"\r\n\r\n")[2])) == {"error"}
        assert post(port)[0] == 200


def test_connections_are_bounded():
    with served(service_of(connections=3)) as (port, server):
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        until(lambda: len(server.server_state.connections) == 3)
        with socket.create_connection(("127.0.0.1", port)) as client:
            heard = until_closed(client)
        assert heard.startswith(b"HTTP/1.1 503 ")
        assert b"3 connections are open" in heard
        for client in idle:
            client.close()
        until(lambda: not server.server_state.connections)
        assert post(port)[0] == 200


class Slow(BrightnessRunner):
    """Takes its time."""

    def __call__(self, images):
        time.sleep(0.4)
        return super().__call__(images)


def test_an_ending_server_answers_whom_it_has_accepted():
    service, replies = service_of(runner=Slow()), []
    with served(service) as (port, server):
        idle = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        idle.request("GET", "/health")
        assert idle.getresponse().read() == b'{"status": "ready"}'
        threads = [threading.Thread(target=lambda: replies.append(post(port))) for _ in range(5)]
        for thread in threads:
            thread.start()
        until(lambda: len(server.server_state.tasks) == 5)
        server.should_exit = True
        until(lambda: service.state.draining)
        # Whoever is connected already may ask once more; nobody else gets in.
        idle.request("GET", "/health")
        assert json.loads(idle.getresponse().read()) == {"status": "draining"}
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        for thread in threads:
            thread.join()
    assert [status for status, _, _ in replies] == [200] * 5
    assert server.unanswered == 0


class Stuck(BrightnessRunner):
    """Is stuck until it is let go."""

    free = threading.Event()
    ready = False

    def __call__(self, images):
        if self.ready:
            self.free.wait(20)
        return super().__call__(images)


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no filter of a listener")
def test_nobody_is_let_in_just_before_the_door_closes_to_be_reset_then():
    late = []
    with served(service_of()) as (port, server):
        (door,) = server.servers
        close = door.close

        def last_moment():
            # The kernel itself lets in whoever knocks here, and the closing would reset them.
            with socket.socket() as client:
                client.settimeout(0.2)
                late.append(client.connect_ex(("127.0.0.1", port)))
            close()

        door.close = last_moment
        server.should_exit = True
        until(lambda: late)
    assert late == [errno.EAGAIN]


def test_the_end_has_a_limit_of_time():
    runner, replies = Stuck(), []
    service = service_of(runner=runner, drain_seconds=0.3)
    runner.ready = True
    with served(service) as (port, server):
        thread = threading.Thread(target=lambda: replies.append(post(port)))
        thread.start()
        until(lambda: service.answers.running)
        server.should_exit = True
        thread.join(10)
        ((status, body, _),) = replies
        assert status == 503
        assert "the server was ended" in json.loads(body)["error"]
        runner.free.set()
    assert server.unanswered == 1


def test_a_port_in_use_is_said_in_a_sentence():
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert url_of(listener) == f"http://127.0.0.1:{port}/"
        with pytest.raises(UsageError, match=rf"cannot listen at 127\.0\.0\.1, port {port} \(Address already in use\)"):
            bind("127.0.0.1", port)
    with bind("127.0.0.1", port):
        pass
    with pytest.raises(UsageError, match=r"expected a --host of this machine, got no\.such\.invalid"):
        bind("no.such.invalid", 0)
    with pytest.raises(UsageError, match=r"cannot listen at 192\.0\.2\.1, port 0"):
        bind("192.0.2.1", 0)
