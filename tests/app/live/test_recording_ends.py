"""Recordings whose process is killed, or whose disk is full: what is left of them plays."""

import shutil

import pytest

from metricfit.app.live.recording import Recording
from tests.soak.recordings import attempt, frames_of, picture, small_disk

FFMPEG = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the program ffmpeg is not installed")


@pytest.mark.parametrize(
    ("way", "suffix", "end"),
    [
        ("av", ".mp4", "kill"),
        pytest.param("ffmpeg", ".mp4", "kill all", marks=FFMPEG),
        pytest.param("ffmpeg", ".mp4", "group", marks=FFMPEG),
        ("opencv", ".avi", "kill"),
    ],
)
def test_what_a_recording_had_written_plays(tmp_path, way, suffix, end):
    pytest.importorskip("av")
    assert attempt(way, suffix, end, tmp_path) == ""


def test_a_full_disk_stops_a_recording_with_one_sentence():
    pytest.importorskip("av")
    try:
        with small_disk(1) as folder:
            assert attempt("av", ".mp4", "full", folder) == ""
    except OSError as error:
        pytest.skip(f"no small disk can be made here: {error}")


def test_what_a_killed_recording_left_is_kept_and_said(tmp_path, caplog):
    killed, part = tmp_path / "killed.mp4", tmp_path / "out.part.mp4"
    for path in (killed, tmp_path / "out.mp4"):
        recording = Recording(path, 10)
        for number in range(6):
            recording.write(picture(number))
        recording.close()
    killed.rename(part)
    recording = Recording(tmp_path / "out.mp4", 10)
    assert "out-interrupted-0001.mp4 is what an earlier recording" in caplog.text
    recording.write(picture(7))
    recording.close()
    assert frames_of(tmp_path / "out-interrupted-0001.mp4") == list(range(6))
    assert frames_of(tmp_path / "out.mp4") == [7]
    part.write_bytes(b"nothing that plays")
    Recording(tmp_path / "out.mp4", 10).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out-interrupted-0001.mp4", "out.mp4"]


def test_half_a_video_keeps_the_name_of_a_part(tmp_path):
    recording = Recording(tmp_path / "out.mp4", 10)
    recording.write(picture(1))
    assert recording.close(whole=False) == tmp_path / "out.part.mp4"
    assert frames_of(tmp_path / "out.part.mp4") == [1]
    assert not (tmp_path / "out.mp4").exists()
