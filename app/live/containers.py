"""Kinds of video files, and how each is written so that it plays up to where its writer was ended, by whatever."""

from functools import cache
from subprocess import run

FFMPEG = "ffmpeg"
BROWSERS = (".mp4", ".m4v", ".mov")
"""What browsers play, with H.264 inside."""
FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".avi": "avi"}
"""Suffix -> FFmpeg's name of the format."""
_H264, _JPEG = ("libx264", "libopenh264"), ("mjpeg",)
_HYBRID_SINCE = (61, 7)  # libavformat of FFmpeg 7.1
_PARTS = {"frag_duration": "1000000", "flush_packets": "1"}  # a second each, in microseconds


def codecs(suffix: str) -> tuple[str, ...]:
    """FFmpeg's encoders for a kind of file, best first. An .avi takes no pictures out of order, so single ones."""
    return _JPEG if suffix == ".avi" else _H264


def muxing(suffix: str, *, hybrid: bool) -> dict[str, str]:
    """FFmpeg's options that bring a second of video to the file at a time, each part playable by what stands before it.

    An .mp4 is written in fragments; where FFmpeg knows how (`hybrid`), closing makes an ordinary one of them.
    """
    if suffix == ".avi":
        return {"flush_packets": "1"}
    if suffix == ".mkv":
        return {"cluster_time_limit": "1000", "flush_packets": "1"}
    return {"movflags": "hybrid_fragmented" if hybrid else "empty_moov+default_base_moof", **_PARTS}


def encoding(codec: str, fps: float) -> dict[str, str]:
    """FFmpeg's options of an encoder; it holds back a second of pictures at most."""
    if codec == "mjpeg":
        return {"qmin": "2", "qmax": "4"}
    if codec != "libx264":
        return {}
    # Slow ones are pictures one by one: each thread and each picture that waits for its successor holds back one more.
    slow = {"threads": "1"} if fps < 10 else {"threads": "4"}
    return {"rc-lookahead": str(min(20, int(fps / 2))), "bf": str(min(3, int(fps / 8))), **slow}


def pixels(codec: str) -> str:
    """FFmpeg's name of how an encoder takes its pixels."""
    return "yuvj420p" if codec == "mjpeg" else "yuv420p"


def library_is_hybrid(version: tuple[int, ...]) -> bool:
    """Tell of a version of libavformat whether it can make an ordinary file of fragments."""
    return version[:2] >= _HYBRID_SINCE


@cache
def program_is_hybrid() -> bool:
    """Tell whether the program ffmpeg can make an ordinary file of fragments."""
    known = run([FFMPEG, "-hide_banner", "-h", "muxer=mp4"], capture_output=True, text=True, check=False)
    return "hybrid_fragmented" in known.stdout
