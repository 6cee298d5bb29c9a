"""Boxes drawn and labelled: where they are, in whose colour, readable on any ground."""

import numpy as np
import pytest

from metricfit.app.live.options import View
from metricfit.app.show.overlay_boxes import TITLES, VIEWS, Boxes, draw_boxes, raw_boxes, spotlight

from .timing import times_a_blur

COLOURS = ((255, 0, 0), (0, 0, 255))


def found(*entries, names=("cell", "platelet")):
    """Boxes from (box, score, class)."""
    boxes, scores, classes = zip(*entries) if entries else ((), (), ())
    return Boxes(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        np.array(classes, np.int32),
        class_names=names,
        colours=COLOURS,
    )


@pytest.fixture
def two():
    """A sure box of class 0 and a doubtful one of class 1, far apart."""
    return found(([100, 200, 260, 400], 0.9, 0), ([400, 100, 560, 300], 0.3, 1))


def test_scores_that_reach_the_level_of_their_class_are_shown(two):
    assert len(two.above(0.3)) == 2, "the threshold itself is enough, in the scores' precision"
    assert two.above(0.31).classes.tolist() == [0]
    assert two.above(np.array([0.95, 0.2])).classes.tolist() == [1]
    assert two.above(np.array([0.9, 0.9])).classes.tolist() == [0]
    assert len(found().above(np.array([0.5, 0.5]))) == 0


@pytest.mark.parametrize("ground", [0, 128, 255])
def test_frames_stand_at_the_box_in_their_class_s_colour(two, ground):
    image = np.full((480, 640, 3), ground, np.uint8)
    picture = draw_boxes(image, two, np.array([0.5, 0.25]))
    for (x0, y0, x1, y1), colour in zip(two.boxes.astype(int), COLOURS):
        middle_y, middle_x = (y0 + y1) // 2, (x0 + x1) // 2
        for y, x in ((middle_y, x0), (middle_y, x1 - 1), (y1 - 1, middle_x)):
            assert picture[y, x].tolist() == list(colour)
        # A dark rim on both sides of the line.
        assert picture[middle_y, x0 - 4 : x0 + 5].max(axis=-1).min() == 0
        assert picture[middle_y, middle_x].tolist() == [ground] * 3
    assert (image == ground).all(), "the picture given is left as it is"
    only = draw_boxes(image, two, 0.5)
    assert (only[300:, 380:] == ground).all()
    assert (only[60:320, 380:] == ground).all()


def test_labels_stand_above_their_boxes_and_can_be_read(two):
    for ground in (0, 255):
        image = np.full((480, 640, 3), ground, np.uint8)
        label = draw_boxes(image, two, 0.2)[200 - 18 : 200 - 3, 104:160].reshape(-1, 3)
        # White letters on the class's red, whatever lies below.
        assert (label == COLOURS[0]).all(axis=1).mean() > 0.4
        assert (label > 230).all(axis=1).mean() > 0.05
    other = found(([100, 200, 260, 400], 0.9, 0), names=())
    unnamed = draw_boxes(np.zeros((480, 640, 3), np.uint8), other, 0.2)
    assert (unnamed[182:197, 104:170] == COLOURS[0]).all(axis=-1).any()


def test_labels_do_not_hide_each_other():
    image = np.zeros((480, 640, 3), np.uint8)
    first, second = ([200, 200, 400, 400], 0.9, 0), ([204, 202, 404, 402], 0.8, 1)
    alone = (draw_boxes(image, found(first), 0.1) == COLOURS[0]).all(axis=-1)
    both = draw_boxes(image, found(first, second), 0.1)
    assert (both == COLOURS[0]).all(axis=-1)[175:198].sum() == alone[175:198].sum(), "the surer label is whole"
    assert (both == COLOURS[1]).all(axis=-1).sum() > 1500, "and the other one is elsewhere"


def test_labels_at_the_edges_are_moved_into_the_picture():
    image = np.zeros((480, 640, 3), np.uint8)
    for box in ([0, 0, 640, 480], [600, 0, 640, 40], [0, 460, 30, 480], [-5, -5, 700, 500]):
        picture = draw_boxes(image, found((box, 0.9, 0)), 0.1)
        assert (picture == (255, 255, 255)).all(axis=-1).sum() > 20, f"no letters for {box}"


def test_the_spotlight_leaves_boxes_as_they_are_and_darkens_the_rest(two):
    image = np.full((480, 640, 3), 200, np.uint8)
    picture = spotlight(image, two, 0.5)
    assert (picture[230:390, 110:250] == 200).all()
    assert (picture[420:, :] < 100).all()
    assert (picture[150:250, 450:500] < 100).all(), "what does not reach the threshold stays dark"


def test_the_raw_view_shows_what_does_not_reach_the_threshold(two):
    image = np.full((480, 640, 3), 200, np.uint8)
    picture = raw_boxes(image, two, 0.5)
    strong, weak = picture[300, 100].astype(int), picture[200, 400].astype(int)
    assert strong.tolist() == [255, 0, 0]
    assert weak[2] > 40 > weak[0]
    assert (draw_boxes(image, two, 0.5)[200, 400] == 200).all()


@pytest.mark.parametrize("shape", [(1, 1), (2, 300), (37, 51), (300, 7)])
@pytest.mark.parametrize("name", VIEWS)
def test_every_view_takes_every_size(name, shape):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    for detections in (found(), found(([0, 0, shape[1], shape[0]], 0.9, 0), ([-3, -3, 0.2, 900], 0.8, 1))):
        picture = VIEWS[name](image, detections, np.array([0.5, 0.5]))
        assert picture.shape == image.shape
        assert picture.dtype == np.uint8


def test_the_option_lists_the_views():
    assert View.__args__[7:] == tuple(VIEWS) == tuple(TITLES)


def test_drawing_is_quick():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (480, 640, 3), np.uint8)
    corner = rng.uniform(0, 500, (100, 2)) * [1, 0.8]
    boxes = np.concatenate([corner, corner + rng.uniform(10, 150, (100, 2))], axis=1)
    many = found(*zip(boxes, np.linspace(0.9, 0.01, 100), rng.integers(0, 2, 100)))
    for name, view in VIEWS.items():
        took = times_a_blur(image, lambda view=view: view(image, many, 0.5))
        assert took < 3, f"{name} takes {took:.1f} times a blur of 31x31"
