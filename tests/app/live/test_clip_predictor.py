"""A predictor over the frames of a clip, and `--smooth` of predict and demo."""

import json

import numpy as np
import pytest

import metricfit
from metricfit.app.live import demo as demo_module
from metricfit.app.live.clip_predictor import ClipPredictor
from metricfit.app.live.demo import play
from metricfit.app.live.options import DemoOptions
from metricfit.app.live.session import Demo
from metricfit.app.live.sources import open_frames
from metricfit.app.prediction import prediction as prediction_module
from metricfit.app.prediction.verb import predict
from metricfit.app.predictor import Predictor
from metricfit.trainers.errors import UsageError

from ..fakes import BoxRunner, BrightnessRunner, disc, load_fake_predictor, make_video, save
from ..prediction.settings import options_for


class Fading(BrightnessRunner):
    """Finds the same, half as much in every other frame."""

    seen = 0

    def __call__(self, images):
        self.seen += 1
        return super().__call__(images) * np.float32(1 - 0.5 * (self.seen % 2))


@pytest.fixture(autouse=True)
def _fake(monkeypatch):
    monkeypatch.setattr(demo_module, "load_predictor", load_fake_predictor)
    monkeypatch.setattr(demo_module, "find_model", lambda path: path)
    monkeypatch.setattr(prediction_module, "load_predictor", load_fake_predictor)


def test_a_clip_is_smoothed_and_begins_where_numbers_or_sizes_do_not_follow():
    plain, smooth = Predictor(Fading()), ClipPredictor(Predictor(Fading()), 0.6)
    image, wide = disc(), disc(width=200)
    for number, shown, kept in [(0, image, 0), (1, image, 1), (2, image, 1), (0, image, 0), (1, wide, 0), (3, wide, 0)]:
        alone, found = plain(shown, "clip"), smooth(shown, number, "clip")
        assert found.map.shape == shown.shape[:2]
        assert found.path == "clip"
        assert np.allclose(found.map, alone.map) is not bool(kept)


def test_without_a_share_each_frame_is_seen_by_itself():
    plain, clip = Predictor(Fading()), ClipPredictor(Predictor(Fading()))
    for number in range(3):
        np.testing.assert_array_equal(clip(disc(), number).map, plain(disc()).map)


def test_boxes_and_what_is_no_share_are_refused():
    ClipPredictor(Predictor(BoxRunner()))
    with pytest.raises(UsageError, match=r"--smooth is of saliency and class maps, boxes\.tflite is a detection"):
        ClipPredictor(Predictor(BoxRunner()), 0.8)
    with pytest.raises(UsageError, match="from 0 to below 1, got 1"):
        ClipPredictor(Predictor(BrightnessRunner()), 1.0)


def shares(folder):
    lines = (folder / "out/videos/clip.jsonl").read_text().splitlines()
    return np.array([json.loads(line)["salient_share"] for line in lines])


def test_predict_smooths_videos_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(prediction_module, "load_predictor", lambda path, **_: Predictor(Fading()))
    source = make_video(tmp_path / "clip.mp4", frames=8)
    results = predict(options_for(tmp_path, source, threshold=0.6))
    assert "smooth" not in results
    plain = shares(tmp_path)
    again = predict(options_for(tmp_path / "again", source, threshold=0.6, smooth=0.8))
    assert again["smooth"] == 0.8
    assert np.abs(np.diff(shares(tmp_path / "again"))[1:]).max() < 0.5 * np.abs(np.diff(plain)).max()
    with pytest.raises(UsageError, match=r"begun otherwise \(smooth 0.8 there and none now\)"):
        predict(options_for(tmp_path / "again", source, threshold=0.6, resume=True))


def test_predict_refuses_to_smooth_pictures_and_with_workers(tmp_path):
    picture = save(tmp_path / "a.png", disc())
    with pytest.raises(UsageError, match="--smooth is of videos, and there is none among what is given"):
        predict(options_for(tmp_path, picture, smooth=0.5))
    with pytest.raises(UsageError, match="one after the other: leave --runner out"):
        predict(options_for(tmp_path, picture, smooth=0.5, runner="direct"))
    with pytest.raises(UsageError, match="smooth is of the frames of a video, one after the other: leave runner out"):
        metricfit.predict("bright.tflite", [picture], tmp_path / "out", smooth=0.5, runner="direct")
    assert not (tmp_path / "out").exists()


def test_the_demo_smooths_videos_and_refuses_pictures(tmp_path):
    source = make_video(tmp_path / "clip.mp4", frames=5)
    settings = {"out": tmp_path / "out", "headless": True, "quiet": True, "smooth": 0.8}
    assert play(DemoOptions(source=str(source), **settings)).frames == 5
    frames, found = open_frames(str(source)), []
    demo = Demo(DemoOptions(source=str(source), **settings), frames, Predictor(Fading()))
    while (frame := frames.read()) is not None:
        found.append(float(demo.predict(frame)[0].map.max()))
    frames.close()
    assert min(found[1:]) > 0.8, "half of what is found in every other frame, where each is seen by itself"
    save(tmp_path / "frames" / "0.png", disc())
    with pytest.raises(UsageError, match=r"--smooth is of videos and cameras, .* is shown picture by picture"):
        play(DemoOptions(source=str(tmp_path / "frames"), **settings))
