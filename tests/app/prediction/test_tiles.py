"""Predictions by tiles: small objects are found, results say how, and a prediction goes on with the same alone."""

import json

import numpy as np
import pytest
from PIL import Image

from metricfit.app.prediction import prediction as module
from metricfit.app.prediction.verb import predict
from metricfit.app.predictor import Predictor
from metricfit.trainers.errors import UsageError

from ...trainers.small_discs import SmallDiscs, blobs
from ..fakes import BoxRunner, load_fake_predictor, save
from .settings import options_for


class Blobs(BoxRunner):
    """A detector of bright blobs that fill 5 pixels of its input."""

    class_names, palette, threshold, thresholds = ("disc",), ((255, 0, 0),), 0.4, (0.4,)

    def __init__(self, path="blobs.tflite", *, size=64):
        super().__init__(path, size=size)
        self._find = blobs(size)

    def __call__(self, images):
        return self._find(images)


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Two large pictures with small discs, and the detector in the place of a model."""
    monkeypatch.setattr(module, "load_predictor", lambda path, tiling=None, **_: Predictor(Blobs(), tiling=tiling))
    source = SmallDiscs(2)
    return [save(tmp_path / f"in/{index}.png", source.load(index).image) for index in range(2)]


def test_small_objects_are_found_in_tiles_and_drawn(small, tmp_path):
    plain = predict(options_for(tmp_path / "plain", *small))
    tiled = predict(options_for(tmp_path / "tiled", *small, tiles="auto", tile_overlap=0.4))
    assert "tiles" not in plain
    assert (tiled["tiles"], tiled["tile_overlap"]) == ("auto", 0.4)
    for index, (few, many) in enumerate(zip(plain["pictures"], tiled["pictures"])):
        example = SmallDiscs().load(index)
        assert len(few["objects"]) <= 2
        assert len(many["objects"]) == pytest.approx(len(example.boxes), abs=2)
    found = json.loads((tmp_path / "tiled/out/detections.json").read_text())
    assert len(found["annotations"]) >= len(tiled["pictures"][0]["objects"]) + len(tiled["pictures"][1]["objects"])
    overlays = [np.asarray(Image.open(tmp_path / name / "out/overlays/0.jpg")) for name in ("plain", "tiled")]
    assert overlays[1].shape == (600, 800, 3)
    assert (np.abs(overlays[0].astype(int) - overlays[1]).max(axis=-1) > 60).mean() > 0.005


def test_a_prediction_by_tiles_goes_on_with_tiles_alone(small, tmp_path):
    first = options_for(tmp_path, small[0], tiles="4")
    predict(first)
    with pytest.raises(UsageError, match="tiles 4 there and none now"):
        predict(options_for(tmp_path, *small, resume=True))
    with pytest.raises(UsageError, match=r"tile overlap 0.2 there and 0.3 now"):
        predict(options_for(tmp_path, *small, tiles="4", tile_overlap=0.3, resume=True))
    predict(options_for(tmp_path, *small, tiles="4", resume=True))
    predict(options_for(tmp_path / "whole", *small, tiles="4"))
    for name in ("results.json", "detections.json", "overlays/0.jpg", "overlays/1.jpg"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole/out" / name).read_bytes()


def test_other_models_have_no_tiles(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_predictor", load_fake_predictor)
    with pytest.raises(UsageError, match=r"--tiles is for detection models, bright.tflite is a saliency model"):
        predict(options_for(tmp_path, save(tmp_path / "a.png", np.zeros((9, 9, 3), np.uint8)), tiles="2"))
    assert not (tmp_path / "out").exists()
