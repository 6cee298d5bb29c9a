"""What writes a video file: PyAV or the program ffmpeg, with H.264, which browsers play; else OpenCV, with JPEG."""

import errno
import shutil
import subprocess
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ...trainers.errors import MetricfitError, UsageError, first_line
from ..opencv_log import quiet_opencv
from .containers import FFMPEG, FORMATS, codecs, encoding, library_is_hybrid, muxing, pixels, program_is_hybrid

INSTALL = "install PyAV (pip install 'metricfit[video]') or the program ffmpeg"
NO_H264 = f"its video is a row of JPEG pictures, which players show and browsers do not: for H.264 {INSTALL}"
ROOM = 4 << 20
"""Bytes that stay free on the disk where a writer would not say that it is full."""
LONGEST_AVI = 2_000_000_000
"""Bytes of the kind of .avi that OpenCV writes itself: its sizes are numbers of 32 bits."""


class Encoder(ABC):
    """A video file that is being written, of pictures of one size (height, width) with even sides."""

    h264 = True

    @abstractmethod
    def write(self, picture: np.ndarray) -> None:
        """Add a picture, uint8 [H, W, 3] RGB; OSError or MetricfitError where that fails, as on a full disk."""

    @abstractmethod
    def close(self) -> None:
        """Finish the file; errors as of `write`."""


class PyAV(Encoder):
    """By the package `av`."""

    def __init__(self, path: Path, fps: float, size: tuple[int, int], codec: str):
        import av

        suffix = path.suffix.lower()
        options = muxing(suffix, hybrid=library_is_hybrid(av.library_versions["libavformat"]))
        self.h264 = codec != "mjpeg"
        self._frame: Any = av.VideoFrame.from_ndarray
        self._file = av.open(str(path), "w", format=FORMATS[suffix], options=options)
        rate = Fraction(fps).limit_denominator(60000)
        stream: Any = self._file.add_stream(codec, rate=rate, options=encoding(codec, fps))
        (stream.height, stream.width), stream.pix_fmt = size, pixels(codec)
        stream.codec_context.open()
        self._stream = stream

    def write(self, picture: np.ndarray) -> None:
        """See `Encoder`."""
        self._file.mux(self._stream.encode(self._frame(np.ascontiguousarray(picture), format="rgb24")))

    def close(self) -> None:
        """See `Encoder`."""
        try:
            self._file.mux(self._stream.encode(None))
        finally:
            self._file.close()


class Program(Encoder):
    """By the program ffmpeg. Should this process be killed, it finishes the file."""

    def __init__(self, path: Path, fps: float, size: tuple[int, int], codec: str):
        height, width = size
        suffix = path.suffix.lower()
        self.h264 = codec != "mjpeg"
        given = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{fps:.6g}", "-i", "-"]
        settings = {**encoding(codec, fps), **muxing(suffix, hybrid=program_is_hybrid())}
        made = ["-c:v", codec, "-pix_fmt", pixels(codec), *(f for key in settings for f in (f"-{key}", settings[key]))]
        target = ["-f", FORMATS[suffix], f"file:{path.absolute()}"]
        # Not a pipe: nobody reads it meanwhile, and a full one would hold up both.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        # In a session of its own: Ctrl-C and a closed terminal are this process's, which then finishes the file.
        self._process = subprocess.Popen(
            [FFMPEG, "-y", "-loglevel", "error", *given, *made, *target],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._said, start_new_session=True,
        )  # fmt: skip

    def write(self, picture: np.ndarray) -> None:
        """See `Encoder`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(np.ascontiguousarray(picture).tobytes())
        except BrokenPipeError:
            self.close()
            raise

    def close(self) -> None:
        """See `Encoder`; an error of the program comes out here."""
        with suppress(BrokenPipeError):
            self._process.communicate()
        if self._process.returncode and not self._said.closed:
            self._said.seek(0)
            said = self._said.read().decode(errors="replace").strip()
            self._said.close()
            # The first line has the reason, those that follow its consequences.
            raise MetricfitError(f"{FFMPEG} failed ({said.splitlines()[0] if said else self._process.returncode})")
        self._said.close()


class OpenCV(Encoder):
    """By OpenCV's own writer of .avi files, which holds back 64 KB at most; from its others nothing is left."""

    h264 = False

    def __init__(self, path: Path, fps: float, size: tuple[int, int], codec: str):
        height, width = size
        self._path = path.absolute()
        with quiet_opencv():
            code = cv2.VideoWriter.fourcc(*codec)
            self._writer = cv2.VideoWriter(str(self._path), cv2.CAP_OPENCV_MJPEG, code, fps, (width, height))
        if not self._writer.isOpened():
            raise OSError(f"no codec {codec}")

    def write(self, picture: np.ndarray) -> None:
        """See `Encoder`."""
        # It reports neither of these.
        if shutil.disk_usage(self._path.parent).free < ROOM:
            raise OSError(errno.ENOSPC, "no space left on the disk")
        if self._path.stat().st_size > LONGEST_AVI:
            raise MetricfitError(f"OpenCV writes .avi files of 2 GB at most, for longer ones {INSTALL}")
        self._writer.write(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))

    def close(self) -> None:
        """See `Encoder`."""
        self._writer.release()


def open_encoder(path: Path, fps: float, size: tuple[int, int]) -> Encoder:
    """Open the best encoder at hand for a file with one of the endings of `FORMATS`."""
    tried: dict[str, str] = {}
    for kind, codec in _choices(path.suffix.lower()):
        # An encoder that is listed may still refuse a size, or miss its library.
        try:
            return kind(path, fps, size, codec)
        except (OSError, ValueError) as error:
            tried[codec] = first_line(error)
    reasons = "; ".join(f"{codec}: {reason}" for codec, reason in tried.items())
    raise MetricfitError(
        f"cannot write {path} with {size[1]}x{size[0]} pixels ({reasons}): record into another format, or {INSTALL}"
    )


def check_suffix(path: Path) -> None:
    """Refuse a kind of file that no encoder at hand writes."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise UsageError(f"expected a video file ending in {', '.join(FORMATS)} to record into, got {path}")
    if not any(_choices(suffix)):
        raise UsageError(f"cannot record into {path}: for {suffix} {INSTALL}, or record into an .avi")


def usual_suffix() -> str:
    """Name the kind of file that the encoders at hand write best."""
    return ".mp4" if any(_choices(".mp4")) else ".avi"


def _choices(suffix: str) -> Iterator[tuple[Any, str]]:
    if find_spec("av"):
        import av

        yield from ((PyAV, codec) for codec in codecs(suffix) if codec in av.codecs_available)
    if shutil.which(FFMPEG):
        known = subprocess.run([FFMPEG, "-hide_banner", "-encoders"], capture_output=True, text=True, check=False)
        yield from ((Program, codec) for codec in codecs(suffix) if f" {codec} " in known.stdout)
    # OpenCV's others hold back 256 KB, or what all else of the file needs to be read.
    yield from ((OpenCV, codec) for codec in ("MJPG",) if suffix == ".avi")
