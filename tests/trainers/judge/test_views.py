"""Several views of a picture: against a plain loop over pictures, scales and mirrorings."""

import cv2
import keras
import numpy as np
import pytest

from metricfit.trainers.data.sources import open_source
from metricfit.trainers.errors import UsageError
from metricfit.trainers.judge.views import Views, averaged_scores
from metricfit.trainers.models.deeplab import build_deeplab
from metricfit.trainers.models.input_size import at_size
from metricfit.trainers.tasks import get_task

segmentation = get_task("segmentation")
SCALES = (1, 0.75, 0.5)
NAMES = ("background", "red", "blue")


def model_of(size, resizing="pad"):
    return build_deeplab("tiny", size=size, class_names=NAMES, resizing=resizing, aspp_channels=8, head_channels=8)


@pytest.fixture(scope="module")
def models(tiny):
    """One network at 64 and 32 pixels, each built by itself, with logits far apart."""
    keras.utils.set_random_seed(0)
    built = {size: model_of(size) for size in (64, 32)}
    weights = [40 * value if value.shape[-1] == 3 else value for value in built[64].get_weights()]
    for model in built.values():
        model.set_weights(weights)
    return built


def slow_scores(models, picture, resizing):
    """Probabilities of one picture, view by view."""
    height, width = picture.shape[:2]
    views = []
    for scale in SCALES:
        inner = {1: 64, 0.75: 48, 0.5: 32}[scale]
        side = {64: 64, 48: 64, 32: 32}[inner]
        rows, columns = inner, inner
        if resizing == "pad":
            rows, columns = (int(length * inner / max(height, width) + 0.5) for length in (height, width))
        for mirrored in (False, True):
            shown = np.fliplr(picture) if mirrored else picture
            canvas = np.full((side, side, 3), 114, np.uint8)
            smaller = rows < height or columns < width
            method = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
            canvas[:rows, :columns] = cv2.resize(np.ascontiguousarray(shown), (columns, rows), interpolation=method)
            scores = keras.ops.softmax(models[side](canvas[None])[0]).numpy()[:rows, :columns]
            scores = cv2.resize(np.ascontiguousarray(scores), (width, height), interpolation=cv2.INTER_LINEAR)
            views.append(np.fliplr(scores) if mirrored else scores)
    return np.mean(views, axis=0)


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_views_are_those_of_a_plain_loop(models, resizing):
    rng = np.random.default_rng(0)
    coarse = [rng.integers(0, 256, shape, np.uint8) for shape in ((5, 6, 3), (8, 4, 3))]
    pictures = [cv2.resize(picture, None, fx=18, fy=18) for picture in coarse]
    predict = segmentation.predictor(models[64])
    found = averaged_scores(predict, pictures, 64, resizing, Views(SCALES, flips=True))
    plain = averaged_scores(predict, pictures, 64, resizing)
    for picture, scores, once in zip(pictures, found, plain):
        assert scores.shape == (*picture.shape[:2], 3)
        np.testing.assert_allclose(scores, slow_scores(models, picture, resizing), atol=1e-5)
        np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-5)
        assert np.abs(scores - once).max() > 0.003, "the views do differ"


def test_a_model_of_another_size_is_the_same_network(models):
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    np.testing.assert_allclose(at_size(models[64], 32)(pictures), models[32](pictures), atol=1e-5)


def test_a_report_of_several_views(models):
    source = open_source("colours:train", needs="labels")
    report = segmentation.evaluate(models[64], source, scales=(1, 0.5), quiet=True)
    assert report.jaccard.images == len(source)
    plain, mirrored = (segmentation.evaluate(models[64], source, flips=flips, quiet=True) for flips in (False, True))
    assert (plain.jaccard.confusion != report.jaccard.confusion).any(), "the scales do count"
    assert (plain.jaccard.confusion != mirrored.jaccard.confusion).any()


@pytest.mark.parametrize("scales", [(), (0,), (1, 5), (float("nan"),)])
def test_scales_out_of_range(scales):
    with pytest.raises(UsageError, match=r"--scales must be from 0.05 to 4 each"):
        Views(scales)
