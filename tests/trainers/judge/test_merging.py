"""Boxes of several views: against plain loops, by hand, and with networks that see what they are shown."""

import cv2
import keras
import numpy as np
import pytest

from metricfit.trainers.data.example import Example, Source
from metricfit.trainers.errors import UsageError
from metricfit.trainers.judge import merging
from metricfit.trainers.judge.merging import Shown, merged, merged_boxes
from metricfit.trainers.judge.tiles import Tiling, Window
from metricfit.trainers.judge.views import PLAIN, Views
from metricfit.trainers.models.detector.retinanet import build_retinanet
from metricfit.trainers.models.detector.suppression import METHODS, Suppression
from metricfit.trainers.models.input_size import at_size
from metricfit.trainers.tasks import get_task
from tests.reference.suppression import suppress

from ..small_discs import SmallDiscs, blobs

detection = get_task("detection")
SIZE = 64
OWN = (90, 120)
WINDOWS = [Window(0, *OWN[:1], 0, OWN[1]), *Tiling(2).windows(OWN, SIZE)]


def random_views(seed):
    """What a model may have found in a picture and its tiles: groups of boxes, some at the edges of their tile."""
    rng = np.random.default_rng(seed)
    found = []
    for window in WINDOWS:
        count = int(rng.integers(0, 12))
        centres = rng.integers(1, 4, (count, 2)) * 30 + rng.normal(0, 3, (count, 2))
        sides = rng.uniform(6, 40, (count, 2))
        boxes = np.concatenate([centres - sides / 2, centres + sides / 2], axis=1)
        boxes = boxes.clip([window.left, window.top] * 2, [window.right, window.bottom] * 2).astype(np.float32)
        boxes = boxes[(boxes[:, 2:] > boxes[:, :2]).all(axis=1)]
        scores = np.sort(rng.uniform(0, 1, len(boxes)).astype(np.float32))[::-1]
        found.append(
            (Shown(window, (SIZE, SIZE), (SIZE, SIZE), False), (boxes, scores, rng.integers(0, 2, len(boxes))))
        )
    return found


def slow_merge(found, suppression, most):
    """Give (box, score, class), surest first, by the words of the module."""
    entries = []
    for view, (shown, parts) in enumerate(found):
        window = shown.window
        near = 0.01 * max(window.bottom - window.top, window.right - window.left)
        for box, score, kind in zip(*parts):
            inner = [
                (box[0], window.left, 0), (box[1], window.top, 0), (box[2], window.right, OWN[1]),
                (box[3], window.bottom, OWN[0]),
            ]  # fmt: skip
            cut = any(edge != outer and abs(side - edge) <= near for side, edge, outer in inner)
            entries.append((box.astype(float), float(score), int(kind), view, cut))

    def is_piece(entry):
        box, score, kind, _, cut = entry
        for other, other_score, other_kind, _, other_cut in entries if cut else ():
            width = min(box[2], other[2]) - max(box[0], other[0])
            height = min(box[3], other[3]) - max(box[1], other[1])
            share = max(width, 0) * max(height, 0) / ((box[2] - box[0]) * (box[3] - box[1]))
            same = kind == other_kind or not suppression.per_class
            if not other_cut and same and other_score >= score / 2 and share > 0.5:
                return True
        return False

    left = [entry for entry in entries if not is_piece(entry)]
    boxes, scores, kinds, views, _ = zip(*left)
    kept = suppress(
        boxes, scores, kinds, method=suppression.method, per_class=suppression.per_class, most=most, views=views,
        parameter=suppression.sigma if suppression.iou is None else suppression.iou,
    )  # fmt: skip
    return [(boxes[place], score, kinds[place]) for place, score in kept], len(entries) - len(left)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("per_class", [True, False])
def test_views_are_brought_together_as_in_plain_loops(method, per_class):
    pieces = 0
    for seed in range(6):
        suppression, found = Suppression(method, per_class=per_class, max_detections=25), random_views(seed)
        most = None if seed % 2 else 40
        expected, gone = slow_merge(found, suppression, most or 25)
        pieces += gone
        boxes, scores, classes = merged(found, OWN, suppression, most=most)
        assert len(expected) > 5
        np.testing.assert_allclose(boxes, [box for box, _, _ in expected], rtol=1e-6)
        np.testing.assert_allclose(scores, [score for _, score, _ in expected], rtol=1e-5)
        assert classes.tolist() == [kind for _, _, kind in expected]
    assert pieces > 5


def of_tiles(*found):
    """Bring together boxes of the whole picture, of its left tile [0, 56) and of its right one [44, 100)."""
    windows = [Window(0, 50, 0, 100), Window(0, 50, 0, 56), Window(0, 50, 44, 100)]
    views = [
        (
            Shown(window, (SIZE, SIZE), (SIZE, SIZE), False),
            tuple(np.array(part, kind) for part, kind in zip(zip(*rows), KINDS)),
        )
        if rows
        else (
            Shown(window, (SIZE, SIZE), (SIZE, SIZE), False),
            (np.zeros((0, 4), "f4"), np.zeros(0, "f4"), np.zeros(0, int)),
        )
        for window, rows in zip(windows, found, strict=True)
    ]
    boxes, scores, _ = merged(views, (50, 100), Suppression())
    return [(box, round(float(score), 3)) for box, score in zip(boxes.round().astype(int).tolist(), scores)]


KINDS = (np.float32, np.float32, np.int64)


def test_pieces_of_an_object_by_hand():
    whole, left, right = ([30, 5, 80, 30], 0.6, 0), ([30, 5, 56, 30], 0.9, 0), ([44, 5, 80, 30], 0.7, 0)
    assert of_tiles([whole], [left], [right]) == [([30, 5, 80, 30], 0.6)]
    faint = (whole[0], 0.4, 0)
    assert of_tiles([faint], [left], [right]) == [([30, 5, 56, 30], 0.9)], "the left piece is more than twice as sure"
    assert of_tiles([(whole[0], 0.9, 1)], [left], []) == [([30, 5, 80, 30], 0.9), ([30, 5, 56, 30], 0.9)]
    assert of_tiles([], [left], [right]) == [([30, 5, 56, 30], 0.9), ([44, 5, 80, 30], 0.7)]
    small = ([46, 10, 54, 18], 0.8, 0)
    assert of_tiles([], [small], [small]) == [([46, 10, 54, 18], 0.8)], "in the overlap both tiles have it"
    near = ([47, 10, 55, 18], 0.7, 0)
    assert of_tiles([], [small, near], []) == [
        ([46, 10, 54, 18], 0.8), ([47, 10, 55, 18], 0.7)
    ], "what one view has found, the model has thinned out"  # fmt: skip


def test_of_very_many_tiles_only_boxes_that_may_stay_are_held_against_all_others(monkeypatch):
    """Each against each would take hours with the 4096 tiles that there may be."""
    asked = []

    def watched(piece, *others):
        asked.append(piece)
        return ask(piece, *others)

    ask = merging._is_covered
    monkeypatch.setattr(merging, "_is_covered", watched)
    rng, count = np.random.default_rng(0), 2000
    corners = rng.uniform(0, 40, (count, 2))
    boxes = np.concatenate([corners, corners + 1], axis=1).astype(np.float32)
    boxes[:, 0] = WINDOWS[-1].left  # an inner edge: each may be a piece
    scores = np.sort(rng.uniform(0, 1, count).astype(np.float32))[::-1]
    found = [(Shown(WINDOWS[-1], SIZE, SIZE, False), (boxes, scores, np.zeros(count, int)))]
    assert len(merged(found, OWN, Suppression("hard", max_detections=7))[0]) == len(asked) == 7


def test_tiles_find_what_the_whole_picture_does_not_show():
    """A whole picture of 800 pixels shows discs of 20 pixels in 64 as a pixel and a half."""
    source = SmallDiscs()
    plain = detection.evaluate(blobs(SIZE), source, quiet=True)
    tiled = detection.evaluate(blobs(SIZE), source, tiles="auto", tile_overlap=0.4, quiet=True)
    assert plain.coco.ap < 0.05
    assert tiled.coco.ap > 0.75
    assert tiled.coco.ap50 > 0.95
    assert tiled.coco.ap_large == pytest.approx(plain.coco.ap_large, abs=0.1), "the large disc is in no tile as a whole"


@pytest.mark.parametrize(("told", "kept"), [(None, 1000), (50, 50), (100, 100), (101, 101)])
def test_with_tiles_a_picture_keeps_more_boxes_unless_told(told, kept):
    def predict(images):
        corners = np.random.default_rng(0).uniform(5, 55, (len(images), 100, 2)).astype(np.float32)
        boxes, zeros = np.concatenate([corners, corners + 3], axis=-1), np.zeros((len(images), 100), np.int32)
        return boxes, np.tile(np.linspace(0.9, 0.1, 100, dtype=np.float32), (len(images), 1)), zeros, zeros[:, 0] + 100

    picture, views = np.zeros((512, 512, 3), np.uint8), Views(tiling=Tiling())
    (found,) = merged_boxes(predict, [picture], 64, "pad", views, Suppression(max_detections=told))
    assert len(found[1]) == kept


@pytest.mark.parametrize("resizing", ["pad", "stretch"])
def test_boxes_come_back_from_every_view(resizing):
    example = SmallDiscs().load(0)
    views = Views((1, 1.5), flips=True, tiling=Tiling(4, 0.4))
    (found,) = merged_boxes(blobs(256, resizing), [example.image], 256, resizing, views)
    reached = [np.abs(found[0] - box).max(axis=1).min() for box in example.boxes]
    assert max(reached) < 5


@pytest.fixture(scope="module")
def model(tiny):
    """An untrained detector whose scores differ from place to place."""
    keras.utils.set_random_seed(0)
    built = build_retinanet("plain", size=96, class_names=("a", "b"), channels=8, head_layers=1, scales_per_octave=1)
    built.set_weights([
        100 * value if weight.path.endswith("head/last/kernel") else value
        for weight, value in zip(built.weights, built.get_weights())
    ])  # fmt: skip
    return built


@pytest.fixture(scope="module")
def picture():
    return cv2.resize(np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8), None, fx=18, fy=18)


def test_a_detector_of_another_size_is_the_same_network(model, picture):
    """Made anew, it gives what one that was built for that size gives with the same weights."""
    other = build_retinanet("plain", size=128, class_names=("a", "b"), channels=8, head_layers=1, scales_per_octave=1)
    other.set_weights(model.get_weights())
    image = np.zeros((1, 128, 128, 3), np.uint8)
    image[0, :90, :108] = picture
    made = at_size(model, 128, 96)
    assert made.size == 128
    np.testing.assert_array_equal(made.starts, other.starts)
    for name, expected in other(image).items():
        np.testing.assert_allclose(made(image)[name], expected, atol=1e-5)
    assert detection.predictor(model)(image)[0].shape == (1, 100, 4)


def test_a_size_without_its_levels_is_refused(model):
    with pytest.raises(
        UsageError, match=r"--scales asks for an input of 32 pixels, at which retinanet_plain of 96 .*: give"
    ):
        detection.predictor(model)(np.zeros((1, 32, 32, 3), np.uint8))


def test_one_view_is_what_the_model_finds(model, picture):
    predict = detection.predictor(model)
    (found,) = merged_boxes(predict, [picture], 96, "pad", PLAIN)
    (example,) = [Example(picture, boxes=np.zeros((0, 4)), classes=np.zeros(0, int), name="a")]

    class One(Source):
        name, class_names, names = "one", ("a", "b"), ["a"]

        def __len__(self):
            return 1

        def load(self, index):
            return example

    ((_, expected),) = detection.found_in(predict, One(), quiet=True)
    inside = (expected.boxes[:, 2:] > expected.boxes[:, :2]).all(axis=1)
    np.testing.assert_array_equal(found[0], expected.boxes[inside])
    np.testing.assert_array_equal(found[1], expected.scores[inside].astype(np.float32))


@pytest.mark.parametrize("scales", [(1.0,), (1.0, 1.4)])
def test_a_mirrored_picture_gives_mirrored_boxes(model, picture, scales):
    """Whatever the network, as it sees both."""
    predict, views = detection.predictor(model), Views(scales, flips=True)
    (found,), (mirrored,) = (
        merged_boxes(predict, [image], 96, "pad", views) for image in (picture, np.fliplr(picture))
    )
    plain = merged_boxes(predict, [picture], 96, "pad", Views(scales))[0]
    assert not np.array_equal(found[0], plain[0])
    back = mirrored[0].copy()
    back[:, [0, 2]] = picture.shape[1] - back[:, [2, 0]]
    sure = slice(0, 30)
    np.testing.assert_allclose(found[1][sure], mirrored[1][sure], atol=1e-5)
    np.testing.assert_allclose(found[0][sure], back[sure], atol=1e-3)


def test_soft_and_hard_suppression_of_a_predictor(model, picture):
    square = cv2.resize(picture, (96, 96))[None]
    hard, few = (detection.predictor(model, suppression=one) for one in (None, Suppression(max_detections=3)))
    soft = detection.predictor(model, suppression=Suppression("soft-gaussian"))
    np.testing.assert_array_equal(few(square)[0], hard(square)[0][:, :3])
    assert (few.suppression.max_detections, hard.suppression) == (3, Suppression())
    assert soft(square)[3][0] == 100
    assert soft(square)[1][0, 0] == pytest.approx(hard(square)[1][0, 0])
