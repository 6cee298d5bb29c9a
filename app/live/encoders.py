"""What writes a video file: H.264, which browsers play, by PyAV or the program ffmpeg; else what OpenCV has."""

import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...trainers.errors import MetricfitError
from .frames import quiet_opencv

_MPEG = ("mp4v", "avc1")
CODECS = {".mp4": _MPEG, ".m4v": _MPEG, ".mov": _MPEG, ".mkv": ("mp4v", "X264"), ".avi": ("MJPG", "XVID")}
"""Suffix -> OpenCV's codecs in the order in which they are tried. MPEG-4 is in every build; H.264 is not."""
BROWSERS = (".mp4", ".m4v", ".mov")
NO_H264 = (
    "its video is MPEG-4, which players show and browsers do not: for H.264 install PyAV (pip install "
    "'metricfit[video]') or the program ffmpeg"
)
_FFMPEG, _H264, _FASTSTART = "ffmpeg", ("libx264", "libopenh264"), {"movflags": "faststart"}


class Encoder(ABC):
    """A video file that is being written, of pictures of one size (height, width) with even sides."""

    h264 = True

    @abstractmethod
    def write(self, picture: np.ndarray) -> None:
        """Add a picture, uint8 [H, W, 3] RGB."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file."""


class PyAV(Encoder):
    """H.264 by the package `av`."""

    def __init__(self, path: Path, fps: float, size: tuple[int, int], codec: str):
        import av

        self._frame: Any = av.VideoFrame.from_ndarray
        self._file = av.open(str(path), "w", options=_FASTSTART)
        stream: Any = self._file.add_stream(codec, rate=Fraction(fps).limit_denominator(60000))
        (stream.height, stream.width), stream.pix_fmt = size, "yuv420p"
        stream.codec_context.open()
        self._stream = stream

    def write(self, picture: np.ndarray) -> None:
        """See `Encoder`."""
        self._file.mux(self._stream.encode(self._frame(np.ascontiguousarray(picture), format="rgb24")))

    def close(self) -> None:
        """See `Encoder`."""
        self._file.mux(self._stream.encode(None))
        self._file.close()


class Program(Encoder):
    """H.264 by the program ffmpeg."""

    def __init__(self, path: Path, fps: float, size: tuple[int, int], codec: str):
        height, width = size
        given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:.6g}", "-i", "-"]
        made = ["-c:v", codec, "-pix_fmt", "yuv420p", "-movflags", "+faststart", f"file:{path.absolute()}"]
        command = [_FFMPEG, "-y", "-loglevel", "error", *given, *made]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)

    def write(self, picture: np.ndarray) -> None:
        """See `Encoder`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(picture).tobytes())
        except BrokenPipeError:
            self.close()

    def close(self) -> None:
        """See `Encoder`; an error of the program comes out here."""
        with suppress(BrokenPipeError):
            said = self._process.communicate()[1].decode(errors="replace").strip()
        if self._process.returncode:
            raise MetricfitError(f"{_FFMPEG} failed ({said.splitlines()[-1] if said else self._process.returncode})")


class OpenCV(Encoder):
    """What this build of OpenCV can write."""

    h264 = False

    def __init__(self, path: Path, fps: float, size: tuple[int, int], codec: str):
        height, width = size
        with quiet_opencv():
            code = cv2.VideoWriter.fourcc(*codec)
            self._writer = cv2.VideoWriter(str(path.absolute()), cv2.CAP_FFMPEG, code, fps, (width, height))
        if not self._writer.isOpened():
            raise OSError(f"no codec {codec}")

    def write(self, picture: np.ndarray) -> None:
        """See `Encoder`."""
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """See `Encoder`."""
        self._writer.release()


def open_encoder(path: Path, fps: float, size: tuple[int, int]) -> Encoder:
    """Open the best encoder at hand for a file with one of the endings of `CODECS`."""
    tried = []
    for kind, codec in _choices(path.suffix.lower()):
        tried.append(codec)
        # An encoder that is listed may still refuse a size, or miss its library.
        with suppress(OSError, ValueError):
            return kind(path, fps, size, codec)
    raise MetricfitError(
        f"cannot write {path} with {size[1]}x{size[0]} pixels: none of the codecs {', '.join(tried)} works in "
        "this OpenCV; record into another format"
    )


def _choices(suffix: str) -> Iterator[tuple[Any, str]]:
    if suffix in BROWSERS and find_spec("av"):
        import av

        yield from ((PyAV, codec) for codec in _H264 if codec in av.codecs_available)
    if suffix in BROWSERS and shutil.which(_FFMPEG):
        known = subprocess.run([_FFMPEG, "-hide_banner", "-encoders"], capture_output=True, text=True, check=False)
        yield from ((Program, codec) for codec in _H264 if f" {codec} " in known.stdout)
    yield from ((OpenCV, codec) for codec in CODECS[suffix])
