"""What `metricfit serve` can be told, and the limits that follow. Imports neither TensorFlow nor the framework."""

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import tyro

from ...trainers.errors import UsageError
from ..flags import Model, Quiet, Threads, Threshold, Trust

Names = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME")]
Addresses = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="ADDRESS")]

RATE_ELSEWHERE = 20.0
"""Pictures a second that one client may send unless told otherwise, where others than this machine reach the server."""


@dataclass(frozen=True)
class ServeOptions:
    """Serve a model over HTTP: pictures in; JSON, masks or overlays out. At / is a page to drop pictures on.

    Example: metricfit serve saliency_lite0 --port 8000

    Then: curl --data-binary @photo.jpg http://127.0.0.1:8000/predict

    POST /predict takes a picture as the body or in a form, and ?output=json|mask|overlay, threshold, view, objects and
    format; GET /health, /metrics (for Prometheus) and /model say how it is. Pictures are never written to the disk.
    SIGTERM and Ctrl-C let running requests be answered first; a second one ends at once.
    """

    model: Model
    host: str = "127.0.0.1"
    """Address to listen at; the default is reached from this machine alone, 0.0.0.0 from the network."""
    port: int = 8000
    """Port to listen at; 0 takes a free one and says which."""
    threshold: Threshold = None
    batch: int | None = None
    """Pictures that the model computes at once, where so many wait; by default 8, and 1 for .tflite files, which
    compute one after the other."""
    batch_wait: float = 5.0
    """Milliseconds that a picture waits for others that are on their way; alone it waits for none."""
    queue: int = 64
    """Pictures that may wait, those of each client in turn; more are refused (503)."""
    max_megabytes: float = 20.0
    """Largest file that is taken (413 beyond)."""
    max_megapixels: float = 25.0
    """Largest picture that is taken (413 beyond)."""
    rate: float | None = None
    """Pictures a second that one client may send (429 beyond), 0 for any number; by default 20 where others than this
    machine can reach the server, else any number."""
    connections: int = 256
    """Connections at a time; more are refused (503)."""
    upload_seconds: float = 30.0
    """Time for a request's headers (a third of it) and for its picture to arrive (408 beyond)."""
    seconds: float = 30.0
    """Time for an answer once the picture is there (503 while it waits, 504 while the model computes)."""
    drain_seconds: float = 30.0
    """Time for running requests to be answered once the server is asked to end."""
    allow_host: Names = ()
    """A name by which the server may be called, besides its address. At 127.0.0.1 others are refused, so that no web
    page reaches it by a name of its own; elsewhere any name will do unless some are given. Give it once for each."""
    proxy: Addresses = ()
    """Address of a proxy whose X-Forwarded-For is believed: clients are told apart by it. Give it once for each."""
    access_log: bool = False
    """Say a line for each request: client, method, path, status, milliseconds, bytes."""
    threads: Threads = None
    trust: Trust = False
    quiet: Quiet = False


@dataclass(frozen=True)
class Limits:
    """How much the server takes, in bytes, pixels and seconds."""

    bytes: int = 20_000_000
    pixels: int = 25_000_000
    waiting: int = 64
    rate: float = 0.0  # pictures a second of a client; 0 for any number
    connections: int = 256
    upload_seconds: float = 30.0
    seconds: float = 30.0
    drain_seconds: float = 30.0
    batch: int = 8
    batch_seconds: float = 0.005

    @property
    def header_seconds(self) -> float:
        """How long the headers of a request may take."""
        return self.upload_seconds / 3

    def to_dict(self) -> dict[str, float]:
        """Give those that a client meets, for JSON."""
        return {
            "bytes": self.bytes,
            "pixels": self.pixels,
            "upload_seconds": self.upload_seconds,
            "seconds": self.seconds,
            "requests_a_second": self.rate,
        }

    @property
    def text(self) -> str:
        """Them in a line."""
        rate = f", {self.rate:g} pictures a second from a client" if self.rate else ""
        return (
            f"limits: {self.bytes / 1e6:g} MB and {self.pixels / 1e6:g} megapixels a picture, {self.seconds:g} s an "
            f"answer, {self.waiting} waiting, {self.connections} connections{rate}"
        )


def limits_of(options: ServeOptions, batch: int) -> Limits:
    """Check the options' numbers, and give the limits; `batch` is the size where none is asked for.

    Raises:
        UsageError: a number is out of its range.
    """
    for name in ("max_megabytes", "max_megapixels", "upload_seconds", "seconds"):
        _check(name, getattr(options, name), "above 0", lambda value: value > 0)
    for name in ("batch_wait", "rate", "drain_seconds"):
        _check(name, getattr(options, name) or 0.0, "of at least 0", lambda value: value >= 0)
    for name in ("queue", "connections"):
        _check(name, getattr(options, name), "of at least 1", lambda value: value >= 1)
    _check(
        "batch", options.batch or (1 if options.batch is None else 0), "from 1 to 1024", lambda one: 1 <= one <= 1024
    )
    _check("port", options.port, "from 0 to 65535", lambda value: 0 <= value <= 65535)
    rate = options.rate
    return Limits(
        bytes=math.ceil(options.max_megabytes * 1e6),
        pixels=math.ceil(options.max_megapixels * 1e6),
        waiting=options.queue,
        rate=(0.0 if is_loopback(options.host) else RATE_ELSEWHERE) if rate is None else rate,
        connections=options.connections,
        upload_seconds=options.upload_seconds,
        seconds=options.seconds,
        drain_seconds=options.drain_seconds,
        batch=options.batch or batch,
        batch_seconds=options.batch_wait / 1000,
    )


def _check(name: str, value: float, expected: str, good: Callable[[float], bool]) -> None:
    if not (math.isfinite(value) and good(value)):
        raise UsageError(f"expected --{name.replace('_', '-')} {expected}, got {value:g}")


def is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host.strip("[]").partition("%")[0]).is_loopback
    except ValueError:
        return host.lower() == "localhost"
