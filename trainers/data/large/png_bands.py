"""PNG read by bands of rows: Pillow decodes a whole picture, or each band of it that is given to it as a PNG."""

import contextlib
import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from PIL import Image

from ...geometry import Size

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_OF_COLOURS = (b"PLTE", b"tRNS")
_ORIENTATION = 0x0112


class NotByBands(Exception):
    """The file is not read so: of another kind, or with something in it that is for Pillow to judge."""


class Header(NamedTuple):
    """What a PNG says of its pixels, as far as it can be read by bands: 8 bits a channel, not interlaced."""

    size: Size
    colour_type: int

    @property
    def row_bytes(self) -> int:
        """The bytes of a row without the one that names its filter."""
        return self.size[1] * _CHANNELS[self.colour_type]


@contextlib.contextmanager
def opened_bytes(path: str | Path | IO[bytes]) -> Iterator[IO[bytes]]:
    """Open a file for reading; one within an archive is open already, and begins again."""
    if isinstance(path, str | Path):
        with open(path, "rb") as file:
            yield file
    else:
        path.seek(0)
        yield path
        path.seek(0)


def read_header(path: str | Path | IO[bytes]) -> Header | None:
    """Read the header of a PNG that can be read by bands; None for anything else."""
    try:
        with opened_bytes(path) as file:
            start = file.read(29)
    except OSError:
        return None
    if len(start) < 29 or start[:8] != _SIGNATURE or start[12:16] != b"IHDR":
        return None
    width, height, depth, colour_type, method, filters, interlaced = struct.unpack(">IIBBBBB", start[16:29])
    plain = depth == 8 and colour_type in _CHANNELS and not (method or filters or interlaced)
    return Header((height, width), colour_type) if plain and height and width else None


def png_bands(file: IO[bytes], header: Header, rows: int) -> Iterator[Image.Image]:
    """Give a PNG's bands of so many rows from its top on, each with the colours and transparency of the file.

    Raises `NotByBands`, or what Pillow raises, where the file is not sound.
    """
    row_bytes, width = header.row_bytes, header.size[1]
    above, left = bytes(row_bytes), header.size[0]
    colours = bytearray()
    for filtered in _filtered(_pixels(file, colours), rows * (1 + row_bytes), left * (1 + row_bytes)):
        count = len(filtered) // (1 + row_bytes)
        # The filters of a row may refer to the row above, which goes before it as it is.
        shown = header._replace(size=(count + 1, width))
        band = Image.open(io.BytesIO(_png(shown, bytes(colours), zlib.compress(b"\0" + above + filtered, 0))))
        band.load()
        above = band.crop((0, count, width, count + 1)).tobytes()
        left -= count
        yield band.crop((0, 1, width, count + 1))
    if left:
        raise NotByBands("rows are missing")


def png_orientation(path: str | Path | IO[bytes]) -> int:
    """Tell how a PNG is turned, as Pillow finds it in all that the file says besides its pixels, wherever that is."""
    said = bytearray()
    with opened_bytes(path) as file:
        for head, kind, length in _chunks(file):
            if kind in (b"IDAT", b"IHDR", *_OF_COLOURS):
                file.seek(length + 4, io.SEEK_CUR)
            else:
                said += head + file.read(length + 4)
    found = _png(Header((1, 1), 0), bytes(said), zlib.compress(b"\0\0"))
    return int(Image.open(io.BytesIO(found)).getexif().get(_ORIENTATION, 1))


def _chunks(file: IO[bytes]) -> Iterator[tuple[bytes, bytes, int]]:
    """Go through the chunks up to the end: what each begins with, its kind and length; the caller reads the rest."""
    file.seek(len(_SIGNATURE))
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"IEND":
            return
        yield head, kind, length
    raise NotByBands("it ends early")


def _pixels(file: IO[bytes], colours: bytearray) -> Iterator[bytes]:
    """Give the data of the chunks that hold pixels, and add those that hold colours to `colours`."""
    for head, kind, length in _chunks(file):
        data, check = file.read(length), file.read(4)
        if len(data) < length or check != struct.pack(">I", zlib.crc32(kind + data)):
            raise NotByBands("a chunk is damaged")
        if kind == b"acTL":
            raise NotByBands("it is animated")
        if kind == b"IDAT":
            yield data
        elif kind in _OF_COLOURS:
            colours += head + data + check


def _filtered(chunks: Iterable[bytes], wanted: int, left: int) -> Iterator[bytes]:
    """Inflate so many bytes at a time, of which the last may be fewer, until none are left of all."""
    inflate, held = zlib.decompressobj(), bytearray()
    for data in chunks:
        while data and left:
            held += inflate.decompress(data, min(wanted, left) - len(held))
            data = inflate.unconsumed_tail
            if len(held) == min(wanted, left):
                left -= len(held)
                yield bytes(held)
                held.clear()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(header: Header, others: bytes, data: bytes) -> bytes:
    height, width = header.size
    start = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, header.colour_type, 0, 0, 0))
    return _SIGNATURE + start + others + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
