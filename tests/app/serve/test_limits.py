"""What is too large, too slow, too often or too much is refused, with the status that says which."""

import asyncio
import os
import struct
import sys
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from metricfit.app.serve.options import Limits, ServeOptions, is_loopback, limits_of
from metricfit.app.serve.requests import rates, uploads
from metricfit.app.serve.requests.origins import origins_for
from metricfit.app.serve.requests.rates import Rates, client_name
from metricfit.app.serve.requests.refusal import RefusedError
from metricfit.trainers.errors import UsageError

from ..fakes import BrightnessRunner, disc
from .clients import RUNNERS, ask, asked, encoded, form, service_of

PICTURE = encoded()


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    """Refused clients are not listened to for long."""
    monkeypatch.setattr(uploads, "SILENT_SECONDS", 0.2)


def bomb(width, height) -> bytes:
    """A PNG that says it is so large, and holds nothing."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_a_file_is_read_up_to_the_limit_alone():
    service, read = service_of(bytes=1000), []

    async def part():
        read.append(1)
        return b"x" * 300

    reply = ask(service, chunks=[part() for _ in range(1000)])
    assert reply.status == 413
    assert "0.001 MB are allowed" in reply.json["error"]
    assert reply.headers["connection"] == "close"
    # It is told before the rest is taken and forgotten.
    assert len(read) == 1000
    assert service.counters.received._value.get() == 0


def test_a_declared_size_is_enough():
    read = []

    async def part():
        read.append(1)
        await asyncio.sleep(3600)

    began = time.monotonic()
    reply = ask(service_of(bytes=1000), chunks=[part()], headers={"content-length": "1001"})
    assert reply.status == 413
    assert time.monotonic() - began < 60, "who sends no more is not waited for long"


def test_a_form_s_file_and_the_form_have_limits():
    body, headers = form(("a", "a.png", b"x" * 1500))
    assert ask(service_of(bytes=1000), body=body, headers=headers).status == 413
    body, headers = form(("a", "a.png", PICTURE))
    assert ask(service_of(bytes=len(PICTURE)), body=body, headers=headers).status == 200
    assert ask(service_of(bytes=len(PICTURE)), body=body[:-4] + b"x" * 99999, headers=headers).status == 413


@pytest.mark.parametrize("size", [(5001, 5000), (100_000, 100), (2**30, 2**30), (60_000, 60_000)])
def test_the_header_is_enough_to_refuse_many_pixels(size):
    reply = ask(service_of(), body=bomb(*size))
    assert reply.status == 413
    assert "pixels" in reply.json["error"]


def test_more_pixels_than_pillow_opens_by_itself_where_they_are_allowed(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 160 * 120 // 3)
    assert ask(service_of(pixels=160 * 120), body=PICTURE).status == 200
    reply = ask(service_of(pixels=10_000), body=PICTURE)
    assert (reply.status, "megapixels, 0.01 megapixels are allowed" in reply.json["error"]) == (413, True)


def test_as_many_pixels_as_are_allowed():
    assert ask(service_of(pixels=160 * 120), body=PICTURE).status == 200
    assert ask(service_of(pixels=160 * 120 - 1), body=PICTURE).status == 413


def test_all_files_together_have_a_limit():
    service = service_of(bytes=10_000)

    async def crowd():
        async def slow():
            await asyncio.sleep(0.3)
            return b""

        tasks = [asked(service, chunks=[b"x" * 10_000, slow()]) for _ in range(20)]
        return await asyncio.gather(*tasks)

    statuses = sorted(reply.status for reply in asyncio.run(crowd()))
    assert statuses == [422] * 16 + [503] * 4
    assert service._held.bytes == 0


def test_a_slow_sender_is_cut_off():
    async def never():
        await asyncio.sleep(3600)

    reply = ask(service_of(upload_seconds=0.05), chunks=[PICTURE[:50], never()])
    assert reply.status == 408
    assert "0.05 seconds" in reply.json["error"]


class Slow(BrightnessRunner):
    """Takes its time, once it is ready."""

    seconds = 0.0

    def __call__(self, images):
        time.sleep(self.seconds)
        return super().__call__(images)


def test_a_slow_model_and_a_long_wait_are_told_apart():
    runner = Slow()
    # Of these pictures one has room at a time.
    service = service_of(runner=runner, seconds=0.25, pixels=160 * 120 // 4 + 1000)
    body = encoded(np.ascontiguousarray(disc()[::2, ::2]))
    runner.seconds = 0.6

    async def many():
        return await asyncio.gather(*(asked(service, body=body) for _ in range(8)))

    async def many_and_then_one():
        replies = await many()
        # What was left behind is over once its thread is.
        runner.seconds = 0.0
        await asyncio.sleep(0.7)
        return replies, await asked(service, body=body)

    replies, last = asyncio.run(many_and_then_one())
    assert last.status == 200
    assert {reply.status for reply in replies} == {503, 504}
    assert [reply.status for reply in replies].count(504) == 4
    for reply in replies:
        assert ("retry-after" in reply.headers) == (reply.status == 503)


def test_the_line_is_bounded():
    runner = Slow()
    service = service_of(runner=runner, pixels=160 * 120 // 4 + 1000, waiting=3)
    body = encoded(np.ascontiguousarray(disc()[::2, ::2]))
    runner.seconds = 0.05

    async def many():
        return await asyncio.gather(*(asked(service, body=body) for _ in range(20)))

    replies = asyncio.run(many())
    statuses = [reply.status for reply in replies]
    assert set(statuses) == {200, 503}
    assert statuses.count(200) == 4 + 3, "four of the largest have room, three wait"
    assert all(reply.headers["retry-after"] == "1" for reply in replies if reply.status == 503)


class Held(BrightnessRunner):
    """Computes until it is let go, once it is ready."""

    ready = False

    def __init__(self):
        super().__init__()
        self.computing, self.let_go = threading.Event(), threading.Event()

    def __call__(self, images):
        if self.ready:
            self.computing.set()
            self.let_go.wait(60)
        return super().__call__(images)


def test_who_leaves_is_not_waited_for():
    runner = Held()
    service = service_of(runner=runner)
    runner.ready = True

    async def leaving():
        gone = asyncio.Event()
        task = asyncio.ensure_future(asked(service, body=PICTURE, leave=gone))
        try:
            await asyncio.to_thread(runner.computing.wait, 20)
            gone.set()
            return await asyncio.wait_for(task, 20)
        finally:
            runner.let_go.set()

    assert asyncio.run(leaving()).status == 0
    assert 'status="499"' in ask(service, "/metrics", method="GET").body.decode()


def test_a_client_may_come_so_often():
    now = [0.0]
    buckets = Rates(2.0, clock=lambda: now[0])
    for _ in range(4):
        buckets.take("a")
    with pytest.raises(RefusedError, match="more than 2 pictures a second") as refused:
        buckets.take("a")
    assert refused.value.status == 429
    assert refused.value.headers["retry-after"] == "1"
    buckets.take("b")
    now[0] = 0.5
    buckets.take("a")
    with pytest.raises(RefusedError):
        buckets.take("a")
    now[0] = 1000.0
    for _ in range(4):
        buckets.take("a")
    with pytest.raises(RefusedError):
        buckets.take("a")


def test_rare_clients_are_served_and_many_are_forgotten(monkeypatch):
    monkeypatch.setattr(rates, "MOST_CLIENTS", 3)
    buckets = Rates(0.1, clock=lambda: 0.0)
    for number in range(10):
        buckets.take(f"client {number}")
    assert len(buckets._buckets) == 3
    for _ in range(1000):
        Rates(0.0).take("any")


def test_clients_are_told_apart():
    service = service_of(rate=1.0)
    statuses = [ask(service, body=PICTURE, client="192.0.2.7").status for _ in range(4)]
    assert statuses == [200, 200, 429, 429]
    assert ask(service, body=PICTURE, client="192.0.2.8").status == 200
    assert client_name("2001:db8::1") == client_name("2001:db8::2") != client_name("2001:db8:0:1::1")
    assert client_name("::ffff:192.0.2.7") == client_name("192.0.2.7")
    assert client_name("fe80::1%eth0") == client_name("fe80::1")
    assert client_name("") == ""


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost", 200),
        ("LocalHost.:80", 200),
        ("[::1]:8000", 200),
        ("serve.example:8000", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("", 421),
        ("localhost@evil.example", 421),
    ],
)
def test_a_page_s_own_name_for_this_machine_is_refused(host, status):
    service = service_of(origins=origins_for("127.0.0.1", ["serve.example"]))
    for path, method in (("/health", "GET"), ("/", "GET"), ("/predict", "POST")):
        reply = ask(service, path, PICTURE, method=method, headers={"host": host})
        assert reply.status == status
        assert status == 200 or "the server is not called" in reply.json["error"]


def test_names_elsewhere():
    headers = {"host": "any.example"}
    assert ask(service_of(origins=origins_for("0.0.0.0", [])), body=PICTURE, headers=headers).status == 200
    named = service_of(origins=origins_for("0.0.0.0", ["a.example"]))
    assert ask(named, body=PICTURE, headers=headers).status == 421
    assert ask(named, body=PICTURE, headers={"host": "a.example"}).status == 200


def test_a_page_of_another_site_may_not_send():
    service = service_of()
    assert ask(service, body=PICTURE, headers={"sec-fetch-site": "cross-site"}).status == 403
    assert ask(service, body=PICTURE, headers={"sec-fetch-site": "same-origin"}).status == 200
    assert ask(service, "/", method="GET", headers={"sec-fetch-site": "cross-site"}).status == 200, "a link to the page"


def test_compressed_bodies_are_refused():
    assert ask(service_of(), body=PICTURE, headers={"content-encoding": "gzip"}).status == 415


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"max_megabytes": 0}, "--max-megabytes above 0, got 0"),
        ({"max_megapixels": float("nan")}, "--max-megapixels above 0, got nan"),
        ({"seconds": -1}, "--seconds above 0"),
        ({"upload_seconds": float("inf")}, "--upload-seconds above 0"),
        ({"rate": -1.0}, "--rate of at least 0"),
        ({"queue": 0}, "--queue of at least 1"),
        ({"connections": 0}, "--connections of at least 1"),
        ({"batch": 0}, "--batch from 1 to 1024, got 0"),
        ({"port": 70000}, "--port from 0 to 65535, got 70000"),
    ],
)
def test_limits_that_are_none(settings, said):
    with pytest.raises(UsageError, match=said):
        limits_of(ServeOptions("model", **settings), 8)


def test_limits_follow_the_options():
    assert limits_of(ServeOptions("model"), 8) == Limits()
    assert limits_of(ServeOptions("model", host="0.0.0.0"), 1) == Limits(rate=20.0, batch=1)
    assert limits_of(ServeOptions("model", host="0.0.0.0", rate=0.0, batch=3), 1) == Limits(batch=3)
    assert [is_loopback(host) for host in ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost")] == [True] * 5
    assert [is_loopback(host) for host in ("0.0.0.0", "::", "192.0.2.1", "example.org")] == [False] * 4


def test_nothing_of_a_request_reaches_the_disk():
    written = []

    def watch(event, arguments):
        if watching and event in ("open", "tempfile.mkstemp", "tempfile.mkdtemp", "os.rename", "subprocess.Popen"):
            flags = arguments[2] if event == "open" and isinstance(arguments[2], int) else os.O_WRONLY
            if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                written.append((event, arguments))

    watching = False
    sys.addaudithook(watch)
    noise = np.random.default_rng(0).integers(0, 256, (1200, 1200, 3), np.uint8)
    body, headers = form(("a", "../../tmp/name.png", encoded(noise)))
    services = [service_of(task) for task in RUNNERS]
    watching = True
    for service in services:
        assert ask(service, body=body, headers=headers).status == 200
        assert ask(service, body=body, headers=headers, query="output=overlay&objects=1").status == 200
        assert ask(service, body=body[:-30], headers=headers).status == 400
    assert len(body) > 3_000_000
    with open(os.devnull, "w"):
        pass
    watching = False
    assert [arguments[0] for _, arguments in written] == [os.devnull], "and that is seen"
