"""Videos predicted: what is drawn, read back, and what is known of each frame."""

import json
import shutil

import numpy as np
import pytest

import metricfit
from metricfit.app.live import containers, encoders
from metricfit.app.prediction.verb import predict
from metricfit.app.predictor import Predictor
from metricfit.trainers.errors import DataError, UsageError

from ..fakes import BrightnessRunner, disc, make_video, read_video, save
from .settings import options_for

pytestmark = pytest.mark.usefixtures("bright")


def _codec(path):
    av = pytest.importorskip("av")
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        return stream.codec_context.name, stream.codec_context.pix_fmt


def test_a_video_becomes_a_video_and_a_line_for_each_frame(tmp_path, capsys):
    source = make_video(tmp_path / "12:30.mp4", frames=12, fps=12.5, height=120, width=160)
    results = predict(options_for(tmp_path, source, quiet=False))
    (clip,) = results["videos"]
    assert (clip["fps"], clip["frames"]) == (12.5, 12)
    assert clip["files"] == {"video": "videos/12:30.mp4", "frames": "videos/12:30.jsonl"}
    frames, fps = read_video(tmp_path / "out" / clip["files"]["video"])
    assert (len(frames), fps) == (12, 12.5)
    assert frames[5].shape == (120, 160, 3)
    column = 30 + 3 * 5
    assert frames[5][60, column, 0] < 200 < frames[5][60, column, 1], "the disc is tinted"
    lines = [json.loads(line) for line in (tmp_path / "out" / clip["files"]["frames"]).read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(12))
    assert lines[5]["seconds"] == 0.4
    np.testing.assert_allclose(lines[5]["objects"][0]["box"], [15, 30, 76, 91], atol=4)
    assert _codec(tmp_path / "out" / clip["files"]["video"]) == ("h264", "yuv420p")
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "1 of 1 videos with bright.tflite, threshold 0.50"
    assert out[1:] == [f"made  {tmp_path / 'out/videos'}", f"made  {tmp_path / 'out/results.json'}"]


def test_without_an_encoder_of_h264_it_is_said(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(encoders, "find_spec", lambda name: None)
    monkeypatch.setattr(encoders.shutil, "which", lambda name: None)
    source = make_video(tmp_path / "in.mp4", frames=3)
    predict(options_for(tmp_path, source, quiet=True))
    said = capsys.readouterr().out
    assert "browsers do not" in said
    assert "metricfit[video]" in said
    assert len(read_video(tmp_path / "out/videos/in.avi")[0]) == 3


@pytest.mark.parametrize("works", [True, False])
def test_the_program_ffmpeg_is_used_where_there_is_one(tmp_path, monkeypatch, works):
    """A stand-in that keeps what it was given, or fails as the real one does."""
    fake = tmp_path / "bin/ffmpeg"
    fake.parent.mkdir()
    encoding = 'cat > "$file"' if works else "cat > /dev/null; echo no memory >&2; exit 1"
    listed = 'case "$*" in *-encoders*) echo " V....D libx264   H.264 "; exit;; *muxer=*) exit;; esac'
    script = (
        f'#!/bin/sh\n{listed}\necho "$*" > {tmp_path}/asked\nfor file; do :; done\nfile="${{file#file:}}"\n{encoding}\n'
    )
    fake.write_text(script)
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    monkeypatch.setattr(encoders, "find_spec", lambda name: None)
    monkeypatch.setattr(encoders, "program_is_hybrid", containers.program_is_hybrid.__wrapped__)
    encoder = encoders.open_encoder(tmp_path / "a:b.mp4", 12.5, (120, 160))
    assert encoder.h264
    encoder.write(disc())
    if works:
        encoder.close()
        assert (tmp_path / "a:b.mp4").read_bytes() == disc().tobytes()
    else:
        with pytest.raises(metricfit.MetricfitError, match="no memory"):
            encoder.close()
    asked = (tmp_path / "asked").read_text()
    assert "-s 160x120 -r 12.5" in asked
    assert "-c:v libx264 -pix_fmt yuv420p" in asked


def test_pictures_and_videos_together(tmp_path):
    save(tmp_path / "in/a.png", disc())
    shutil.copy(make_video(tmp_path / "in/a.mp4", frames=3), tmp_path / "in/b.mov")
    (tmp_path / "in/broken.mp4").write_text("no video")
    with pytest.raises(DataError, match=r"1 of 4 files.*\n.*broken\.mp4"):
        predict(options_for(tmp_path, tmp_path / "in/*"))
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert [entry["files"]["mask"] for entry in results["pictures"]] == ["masks/a.png"]
    assert [clip["files"]["video"] for clip in results["videos"]] == ["videos/a.mp4", "videos/b.mp4"]
    assert sorted(path.name for path in (tmp_path / "out/videos").iterdir()) == ["a.jsonl", "a.mp4", "b.jsonl", "b.mp4"]


def test_equal_names_of_videos_do_not_overwrite_each_other(tmp_path):
    for folder in "ab":
        (tmp_path / folder).mkdir()
        make_video(tmp_path / folder / "x.mp4", frames=3)
    results = predict(options_for(tmp_path, tmp_path / "a/x.mp4", tmp_path / "b"))
    assert [clip["files"]["video"] for clip in results["videos"]] == ["videos/x.mp4", "videos/x-2.mp4"]


def test_a_video_that_is_none_leaves_nothing_behind(tmp_path):
    (tmp_path / "broken.mp4").write_text("no video")
    with pytest.raises(DataError, match="cannot be read as a video"):
        predict(options_for(tmp_path, tmp_path / "broken.mp4"))
    assert not (tmp_path / "out").exists()
    with pytest.raises(UsageError, match="give out as well"):
        metricfit.predict(Predictor(BrightnessRunner()), make_video(tmp_path / "in.mp4", frames=3))


def test_in_python_videos_are_written_and_pictures_given(tmp_path):
    picture, video = save(tmp_path / "a.png", disc()), make_video(tmp_path / "in.mp4", frames=3)
    found = metricfit.predict(Predictor(BrightnessRunner()), [picture, video], out=tmp_path / "out", quiet=True)
    assert [result.path for result in found] == [str(picture)]
    assert (tmp_path / "out/videos/in.jsonl").is_file()
