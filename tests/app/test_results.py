"""What a predictor gives: drawn, plotted, saved, as JSON, at other thresholds and sizes, and for supervision."""

import json
import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

import metricfit
from metricfit.app.predictor import Predictor
from metricfit.app.results import ClassMap, Detections, SaliencyMap
from metricfit.app.show.threshold import Threshold
from metricfit.app.tasks.segmentation import SegmentationApp
from metricfit.trainers.errors import MetricfitError, UsageError

from .fakes import BrightnessRunner, disc, load_fake_detector

IMAGE = disc()


@pytest.fixture
def saliency():
    return Predictor(BrightnessRunner())(IMAGE, "in/disc.png")


@pytest.fixture
def classes():
    """Class 0 at the left, sure; class 2 at the right, doubtful; class 1 nowhere."""
    labels = np.zeros((120, 160), np.uint8)
    labels[:, 80:] = 2
    confidence = np.where(labels == 0, 0.9, 0.4).astype(np.float32)
    colours = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
    return ClassMap(labels, confidence, ("road", "car", "sky"), colours, image=IMAGE, threshold=Threshold(0.0))


@pytest.fixture
def objects():
    return load_fake_detector()(IMAGE)


@pytest.fixture(params=["saliency", "classes", "objects"])
def result(request):
    return request.getfixturevalue(request.param)


def test_every_result_draws_plots_and_saves_every_view(result, tmp_path):
    assert isinstance(result, metricfit.Result)
    assert set(result.views) == set(result.titles)
    drawn = []
    for view in result.views:
        picture = result.draw(view)
        assert (picture.shape, picture.dtype) == (IMAGE.shape, np.uint8)
        drawn.append(picture.tobytes())
        written = cv2.imread(str(result.save(tmp_path / f"{view}.png", view)))
        assert written.shape == IMAGE.shape
        (axes,) = result.plot(view).axes
        np.testing.assert_array_equal(axes.images[0].get_array(), picture)
        assert result.threshold.text in axes.get_title()
    assert len(set(drawn)) == len(drawn)
    assert result.draw().tobytes() == drawn[0], "the first view is the default"
    assert result.plot(title="mine").axes[0].get_title() == "mine"
    shown = cv2.imdecode(np.frombuffer(result._repr_png_(), np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    np.testing.assert_array_equal(shown, result.draw())
    saved = cv2.imread(str(result.save(tmp_path / "new/folder/a.png")))[..., ::-1]
    np.testing.assert_array_equal(saved, result.draw())


def test_views_and_suffixes_that_are_not_there(result, tmp_path):
    with pytest.raises(UsageError, match=f"has no view 'x': choose one of {next(iter(result.views))}"):
        result.draw("x")
    with pytest.raises(UsageError, match="has no view"):
        result.save(tmp_path / "a.png", "x")
    with pytest.raises(UsageError, match=r"ending in \.png, \.jpg"):
        result.save(tmp_path / "a.gif")
    for threshold in (-0.1, 1.1, float("nan")):
        with pytest.raises(UsageError, match="from 0 to 1"):
            result.at(threshold)


def test_another_threshold_leaves_the_result_as_it_is(result):
    other = result.at(1.0)
    assert (other.threshold.value, other.threshold.origin, other.threshold.per_class) == (1.0, "given", ())
    assert other.threshold.digits == result.threshold.digits
    assert result.threshold.value < 1.0
    assert other.to_dict() != result.to_dict()


def test_another_size_changes_picture_and_what_was_found_together(result):
    wide = result.resized((60, 320))
    assert (wide.size, wide.draw().shape) == ((60, 320), (60, 320, 3))
    assert result.resized(result.size) is result
    before, after = result.to_dict(), wide.to_dict()
    assert (after["width"], after["height"]) == (320, 60)
    for key in ("salient_share",):
        if key in before:
            assert after[key] == pytest.approx(before[key], abs=0.01)


def test_what_json_says(saliency, classes, objects):
    found = json.loads(json.dumps([saliency.to_dict(), classes.to_dict(), objects.to_dict()]))
    assert found[0]["salient_share"] == pytest.approx(np.pi * 30**2 / (120 * 160), rel=0.05)
    np.testing.assert_allclose(found[0]["bounding_box"], [50, 30, 111, 91], atol=3)
    assert found[1]["classes"] == [
        {"class": "road", "index": 0, "share": 0.5},
        {"class": "sky", "index": 2, "share": 0.5},
    ]
    assert [entry["class"] for entry in classes.at(0.5).to_dict()["classes"]] == ["road"]
    assert [entry["class"] for entry in found[2]["objects"]] == ["disc", "twin"]
    assert repr(objects) == "<Detections of a picture, 160x120: 2 objects, thresholds 0.250 to 0.500>"
    assert repr(saliency) == "<SaliencyMap of in/disc.png, 160x120: 1 object, threshold 0.50>"
    assert classes.at(0.5).summary == "1 class"


def test_a_saliency_map_is_the_array_that_predictors_gave_before(saliency):
    array = np.asarray(saliency)
    assert array is not saliency
    np.testing.assert_array_equal(array, saliency.map)
    assert (saliency.shape, saliency.dtype, len(saliency)) == ((120, 160), np.float32, 120)
    np.testing.assert_array_equal(saliency >= np.float32(0.5), saliency.mask == 255)
    np.testing.assert_array_equal((saliency * 255).astype(np.uint8), (array * 255).astype(np.uint8))
    np.testing.assert_array_equal(1 - saliency, 1 - array)
    assert saliency[60, 80] == array[60, 80]
    assert saliency.max() == array.max() == np.max(saliency)
    assert np.array(saliency, dtype=np.float64).dtype == np.float64
    with pytest.raises(AttributeError):
        _ = saliency._private


def test_masks_and_indices_are_written_exactly(saliency, classes, tmp_path):
    mask = np.asarray(Image.open(saliency.save(tmp_path / "mask.png", "mask")))
    np.testing.assert_array_equal(mask, saliency.mask)
    grey = np.asarray(Image.open(saliency.save(tmp_path / "grey.png", "saliency")))
    np.testing.assert_allclose(grey, saliency.map * 255, atol=0.5)
    assert Image.open(saliency.save(tmp_path / "cut.png", "cutout")).mode == "RGBA"
    assert Image.open(saliency.save(tmp_path / "cut.jpg", "cutout")).mode == "RGB"
    written = Image.open(classes.at(0.5).save(tmp_path / "classes.png", "indices"))
    assert written.mode == "P"
    assert np.unique(np.asarray(written)).tolist() == [0, 255]
    with pytest.raises(UsageError, match=r"as \.png"):
        classes.save(tmp_path / "classes.jpg", "indices")


@pytest.fixture
def supervision(monkeypatch):
    """The package's one class that matters here, as far as we use it."""
    try:
        import supervision
    except ImportError:
        supervision = ModuleType("supervision")
        supervision.Detections = SimpleNamespace
        monkeypatch.setitem(sys.modules, "supervision", supervision)
    return supervision


def test_supervision_gets_what_reaches_the_threshold(supervision, saliency, classes, objects):
    found = objects.to_supervision()
    assert isinstance(found, supervision.Detections)
    np.testing.assert_array_equal(found.xyxy, objects.boxes[:2])
    assert (found.class_id.tolist(), found.data["class_name"].tolist()) == ([0, 1], ["disc", "twin"])
    assert found.confidence.tolist() == pytest.approx([0.9, 0.25])
    found = saliency.to_supervision()
    np.testing.assert_array_equal(found.mask[0], saliency.mask == 255)
    assert found.xyxy.tolist() == [saliency.to_dict()["bounding_box"]]
    assert found.confidence[0] == pytest.approx(saliency.map[saliency.mask > 0].mean())
    found = classes.to_supervision()
    assert found.mask.shape == (2, 120, 160)
    assert (found.class_id.tolist(), found.data["class_name"].tolist()) == ([0, 2], ["road", "sky"])
    assert found.xyxy.tolist() == [[0, 0, 80, 120], [80, 0, 160, 120]]
    doubtful = replace(classes, confidence=np.where(np.arange(160) < 40, np.float32(0.2), classes.confidence))
    assert doubtful.at(0.3).to_supervision().xyxy.tolist() == [[80, 0, 160, 120], [40, 0, 80, 120]], "the larger first"
    dark = Predictor(BrightnessRunner())(np.zeros_like(IMAGE))
    for nothing in (dark, classes.at(1.0), objects.at(1.0)):
        found = nothing.to_supervision()
        assert found.xyxy.shape == (0, 4)
        assert found.class_id.shape == found.confidence.shape == (0,)


def test_without_supervision_the_error_says_how_to_install_it(objects, monkeypatch):
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(MetricfitError, match="pip install supervision"):
        objects.to_supervision()


def test_of_equal_probabilities_the_first_class_is_taken():
    runner = SimpleNamespace(size=8, resizing="stretch", class_names=("a", "b", "c"), palette=())
    scores = np.tile(np.float32([0.25, 0.375, 0.375]), (8, 8, 1))
    found = SegmentationApp().restore(scores, runner, Threshold(0.0), np.zeros((8, 8, 3), np.uint8))
    assert (found.labels == 1).all()
    assert (found.confidence == 0.375).all()


def test_a_detection_s_class_is_named(objects):
    assert isinstance(objects, Detections)
    assert [objects.name(int(index)) for index in objects.shown.classes] == ["disc", "twin"]
    assert isinstance(Predictor(BrightnessRunner())(IMAGE), SaliencyMap)


def test_encoded_bytes_are_those_of_the_file(result, tmp_path):
    further = {"SaliencyMap": ("mask", "saliency"), "ClassMap": ("indices",), "Detections": ()}
    for view in (*result.views, *further[type(result).__name__]):
        assert result.encode(".png", view) == result.save(tmp_path / "a.png", view).read_bytes(), view
    assert result.encode(".jpg", objects=True) == result.save(tmp_path / "a.JPG", objects=True).read_bytes()


def test_a_picture_longer_than_jpeg_knows_is_refused_as_such(tmp_path):
    wide = np.zeros((2, 70000, 3), np.uint8)
    found = SaliencyMap(np.zeros((2, 70000), np.float32), image=wide, threshold=Threshold(0.5))
    with pytest.raises(MetricfitError, match=r"70000x2 cannot be encoded as \.jpg: take \.png"):
        found.save(tmp_path / "a.jpg")
    assert found.save(tmp_path / "a.png").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_pictures_found_together_are_those_found_alone():
    for predict in (Predictor(BrightnessRunner()), load_fake_detector()):
        pictures = [IMAGE, IMAGE[:60], np.zeros((30, 20, 3), np.uint8)]
        together = predict.find(np.stack([predict.fit(picture) for picture in pictures]))
        for found, picture in zip(together, pictures, strict=True):
            assert predict.restore(found, picture).to_dict() == predict(picture).to_dict()
