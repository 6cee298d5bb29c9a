"""Clients of a service: one in this process, without a socket, and a server in a thread for real ones."""

import asyncio
import io
import json
import threading
import time
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image

from metricfit.app.predictor import Predictor
from metricfit.app.serve.application import Service
from metricfit.app.serve.options import Limits
from metricfit.app.serve.server import Server, bind

from ..fakes import BoxRunner, BrightnessRunner, disc


class ClassRunner:
    """A segmenter: class 1 where the picture is bright, class 0 elsewhere, surer the clearer that is."""

    kind, task, resizing, card = "fake", "segmentation", "stretch", None
    class_names, palette = ("background", "bright"), ((0, 0, 0), (255, 200, 0))
    threshold, thresholds, threshold_origin, suppression, promise = 0.0, (), "card", None, ""

    def __init__(self, path="classes.tflite", *, size=64):
        self.path, self.size = BrightnessRunner(path).path, size

    def __call__(self, images):
        bright = images.astype(np.float32).mean(axis=-1) / 255
        return np.stack([1 - bright, bright], axis=-1)


RUNNERS = {"saliency": BrightnessRunner, "segmentation": ClassRunner, "detection": BoxRunner}


class Reply(NamedTuple):
    """What a service answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def encoded(image=None, kind="PNG", **settings) -> bytes:
    """A picture's file; by default of a white disc."""
    file = io.BytesIO()
    Image.fromarray(disc() if image is None else image).save(file, kind, **settings)
    return file.getvalue()


def service_of(task="saliency", runner=None, **settings) -> Service:
    """A service around a fake model; settings are `Limits` or those of `Service`."""
    named = {name: settings.pop(name) for name in ("origins", "access_log", "name") if name in settings}
    return Service(Predictor(runner or RUNNERS[task]()), Limits(**settings), **named)


async def asked(
    service,
    path="/predict",
    body=b"",
    *,
    method="POST",
    query="",
    headers=(),
    client="192.0.2.1",
    chunks=None,
    leave=None,
) -> Reply:
    """Send a request to a service without a socket; `leave` is an event after which the client is gone."""
    parts = list(chunks) if chunks is not None else [body]
    said = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in dict(headers).items()]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), *said] if "host" not in dict(headers) else said,
        "client": (client, 1), "server": ("127.0.0.1", 80), "state": {},
    }  # fmt: skip
    sent, gone = [], leave or asyncio.Event()

    async def receive():
        if parts:
            part = parts.pop(0)
            if asyncio.iscoroutine(part):
                part = await part
            return {"type": "http.request", "body": part, "more_body": bool(parts)}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    await service.app(scope, receive, send)
    if not sent:
        return Reply(0, {}, b"")
    assert [message["type"] for message in sent[:2]] == ["http.response.start", "http.response.body"]
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Reply(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


def ask(service, *arguments, **settings) -> Reply:
    """The same from outside of a loop."""
    return asyncio.run(asked(service, *arguments, **settings))


def form(*parts: tuple[str, str | None, bytes], boundary="xyz") -> tuple[bytes, dict[str, str]]:
    """A form's body and headers, of (name, file name or None, content)."""
    body = b""
    for name, file, content in parts:
        shown = f'; filename="{file}"' if file is not None else ""
        body += (
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{shown}\r\n\r\n'.encode() + content + b"\r\n"
        )
    return body + f"--{boundary}--\r\n".encode(), {"content-type": f"multipart/form-data; boundary={boundary}"}


@contextmanager
def served(service):
    """Run a server in a thread; gives its port, and the server."""
    listener = bind("127.0.0.1", 0)
    server = Server(service)
    thread = threading.Thread(target=server.run_at, args=(listener,), daemon=True)
    port = listener.getsockname()[1]
    thread.start()
    until = time.monotonic() + 10
    while not server.started and time.monotonic() < until:
        time.sleep(0.005)
    try:
        yield port, server
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()
