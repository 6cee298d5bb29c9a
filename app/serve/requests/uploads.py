"""The bytes of a picture as they come in: kept in memory, and no more of them than is allowed, nor for longer."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request
from starlette.types import Receive

from ..options import Limits
from .refusal import RefusedError

FORM_BYTES = 16_384
"""What a form may be longer than its picture."""

FIELD_BYTES = 200
MOST_FIELDS = 20

SILENT_SECONDS, SWALLOW_SECONDS, SWALLOW_BYTES = 2.0, 10.0, 64_000_000
"""How long a refused client is listened to that sends nothing more, that sends on, and how much it may send."""


@dataclass(frozen=True)
class Upload:
    """A picture's file, and what a form says besides; names of files are nowhere kept."""

    file: bytes
    fields: list[tuple[str, str]] = field(default_factory=list)


class Held:
    """How many bytes of files the server holds, of at most so many."""

    def __init__(self, most: int):
        self._most, self.bytes = most, 0

    @contextmanager
    def hold(self) -> Iterator[Callable[[int], None]]:
        """Give what counts further bytes until the end, and raises RefusedError where there are too many of all."""
        mine = 0

        def add(count: int) -> None:
            nonlocal mine
            if self.bytes + count > self._most:
                raise RefusedError(
                    503, "the server is busy, many pictures come at once: send it later", retry_seconds=1
                )
            self.bytes += count
            mine += count

        try:
            yield add
        finally:
            self.bytes -= mine


async def read_upload(request: Request, limits: Limits, hold: Callable[[int], None]) -> Upload:
    """Read a picture that is the body, or the one file of a form; `hold` counts its bytes.

    Raises:
        RefusedError: 400 for a form that is none, 408 where it comes too slowly, 413 where it is too large, 415 where
            it is compressed, 422 where there is none, 503 where too many come.
        ClientDisconnect: nobody is there any more.
    """
    if request.headers.get("content-encoding", "identity").lower() not in ("", "identity"):
        raise RefusedError(415, "the body is compressed (Content-Encoding): send the picture's file as it is")
    kind, settings = parse_options_header(request.headers.get("content-type"))
    form = kind == b"multipart/form-data"
    most = limits.bytes + FORM_BYTES * form
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise too_large(int(declared), limits)
    if form and not settings.get(b"boundary"):
        raise RefusedError(400, "the form's Content-Type has no boundary: let the client make it")
    body = bytearray()
    reader = _FormReader(settings[b"boundary"], limits) if form else None
    taken = 0
    try:
        async with asyncio.timeout(limits.upload_seconds):
            async for chunk in request.stream():
                taken += len(chunk)
                if taken > most:
                    raise too_large(taken, limits)
                hold(len(chunk))
                if reader is None:
                    body += chunk
                else:
                    reader.write(chunk)
    except TimeoutError as error:
        raise RefusedError(
            408, f"the picture did not arrive within {limits.upload_seconds:g} seconds: send it again, or a smaller one"
        ) from error
    upload = Upload(bytes(body)) if reader is None else reader.finish()
    if not upload.file:
        raise RefusedError(422, "expected a picture as the body or as a file in a form, got none")
    return upload


async def swallow(receive: Receive) -> None:
    """Read on what a refused client still sends, and forget it, for a while."""
    count = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SWALLOW_SECONDS):
            while count <= SWALLOW_BYTES:
                message = await asyncio.wait_for(receive(), SILENT_SECONDS)
                count += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return


def too_large(size: int, limits: Limits) -> RefusedError:
    """Say that a file has too many bytes."""
    return RefusedError(
        413, f"the file has {size / 1e6:.3g} MB or more, {limits.bytes / 1e6:g} MB are allowed: send a smaller one"
    )


class _FormReader:
    """Takes one file and a few short fields out of a form, in memory."""

    def __init__(self, boundary: bytes, limits: Limits):
        self._limits = limits
        self._file: bytearray | None = None
        self._fields: list[tuple[str, str]] = []
        self._headers: dict[bytes, bytes] = {}
        self._name = self._value = b""
        self._part = bytearray()
        self._is_file = self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._on_name,
                    "on_header_value": self._on_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._on_data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise _no_form(error) from error

    def write(self, chunk: bytes) -> None:
        """Take in what came."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _no_form(error) from error

    def finish(self) -> Upload:
        """Give what the form held."""
        if not self._ended:
            raise RefusedError(400, "the form ends before its last boundary: send it again")
        return Upload(bytes(self._file or b""), self._fields)

    def _begin_part(self) -> None:
        self._headers, self._part, self._name, self._value = {}, bytearray(), b"", b""

    def _on_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name = self._value = b""

    def _end_headers(self) -> None:
        settings = parse_options_header(self._headers.get(b"content-disposition", b"").decode("latin-1"))[1]
        self._is_file = b"filename" in settings
        self._key = settings.get(b"name", b"").decode("utf-8", "replace")
        if self._is_file and self._file is not None:
            raise RefusedError(400, "the form has several files: send one picture at a time")
        if not self._is_file and len(self._fields) >= MOST_FIELDS:
            raise RefusedError(400, f"the form has more than {MOST_FIELDS} fields: leave some out")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._part += data[start:end]
        if self._is_file and len(self._part) > self._limits.bytes:
            raise too_large(len(self._part), self._limits)
        if not self._is_file and len(self._part) > FIELD_BYTES:
            raise RefusedError(
                400, f"the form's field {self._key[:40]!r} is too long: a picture must be a file, with a filename"
            )

    def _end_part(self) -> None:
        if self._is_file:
            self._file = self._part
        else:
            self._fields.append((self._key, self._part.decode("utf-8", "replace").strip()))

    def _end(self) -> None:
        self._ended = True


def _no_form(error: Exception) -> RefusedError:
    return RefusedError(
        400, f"the body is no form ({str(error)[:100]}): let the client make it, or send the picture alone"
    )
