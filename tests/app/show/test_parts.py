"""Connected parts against a slow flood fill."""

import numpy as np
import pytest

from metricfit.app.results import ClassMap, SaliencyMap
from metricfit.app.show.parts import SMALLEST, connected_parts
from metricfit.app.show.threshold import Threshold


def flood_fill(mask):
    """The pixels of each part, those that touch at a corner belonging together."""
    left, parts = {tuple(place) for place in np.argwhere(mask)}, []
    while left:
        part, edge = [], [left.pop()]
        while edge:
            row, column = edge.pop()
            part.append((row, column))
            for near in [(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]:
                if near in left:
                    left.remove(near)
                    edge.append(near)
        parts.append(np.array(part))
    return parts


def _expected(mask, scores):
    """Sorted (share, box, mean score) of what is no speck."""
    parts = [part for part in flood_fill(mask) if len(part) >= SMALLEST * mask.size]
    return sorted(
        (len(part) / mask.size, (*part.min(axis=0)[::-1], *(part.max(axis=0)[::-1] + 1)), scores[tuple(part.T)].mean())
        for part in parts
    )


def _found(parts, index=None):
    chosen = parts if index is None else parts.where(parts.classes == index)
    return sorted(zip(chosen.shares.tolist(), map(tuple, chosen.boxes.tolist()), chosen.scores.tolist()))


def _same(found, expected):
    assert len(found) == len(expected)
    for (share, box, score), (true_share, true_box, true_score) in zip(found, expected):
        assert (share, box) == (true_share, true_box)
        assert score == pytest.approx(true_score, rel=1e-5)


@pytest.mark.parametrize("density", [0.02, 0.3, 0.45, 0.6])
def test_parts_are_those_of_a_flood_fill(density):
    rng = np.random.default_rng(3)
    mask = np.where(rng.random((37, 53)) < density, np.uint8(255), np.uint8(0))
    scores = rng.random((37, 53)).astype(np.float32)
    found = connected_parts({0: mask}, scores)
    _same(_found(found), _expected(mask, scores))
    assert found.shares.tolist() == sorted(found.shares, reverse=True)
    assert (found.where(np.array([1])).shares == found.shares[1]).all()


def test_specks_do_not_count():
    scores = np.zeros((100, 100), np.float32)
    scores[10:30, 10:30] = scores[50:60, 70:90] = 0.9
    scores[90, 5:14] = 0.9  # 9 of 10 000 pixels
    found = SaliencyMap(scores, image=np.zeros((100, 100, 3), np.uint8), threshold=Threshold(0.5))
    assert found.summary == "2 objects"
    assert found.boxes.tolist() == [[10, 10, 30, 30], [70, 50, 90, 60]]
    facts = found.to_dict()
    assert facts["objects"][1] == {"score": 0.9, "box": [70, 50, 90, 60], "share": 0.02}
    assert facts["bounding_box"] == [5, 10, 90, 91], "of all that is salient"
    scores[90, 5:15] = 0.9
    assert len(SaliencyMap(scores, image=found.image, threshold=Threshold(0.5)).objects) == 3
    assert found.at(1.0).to_dict()["objects"] == []


def test_classes_have_parts_of_their_own():
    rng = np.random.default_rng(5)
    labels = np.kron(rng.integers(0, 3, (8, 10)), np.ones((6, 6), int)).astype(np.uint8)
    confidence = rng.random(labels.shape).astype(np.float32)
    colours = ((0, 0, 0), (255, 0, 0), (0, 0, 255))
    about = {"image": np.zeros((*labels.shape, 3), np.uint8), "threshold": Threshold(0.2)}
    found = ClassMap(labels, confidence, ("background", "car", "sky"), colours, **about)
    for index in (1, 2):
        _same(_found(found.objects, index), _expected((labels == index) & (confidence >= 0.2), confidence))
    assert 0 not in found.objects.classes, "the background is no object"
    first = found.to_dict()["objects"][0]
    assert first["class"] == found.objects.name(int(found.objects.classes[0]))
    named = ClassMap(labels, confidence, ("road", "car", "sky"), colours, **about)
    assert 0 in named.objects.classes


def test_frames_are_drawn_when_asked():
    scores = np.zeros((240, 320), np.float32)
    scores[40:120, 40:120] = scores[100:200, 200:300] = 0.9
    found = SaliencyMap(scores, image=np.zeros((240, 320, 3), np.uint8), threshold=Threshold(0.5))
    differs = (found.draw() != found.draw(objects=True)).any(axis=-1)
    rows, columns = np.nonzero(differs)
    assert differs[100:200, 298:302].any(axis=1).all(), "the right side of a frame"
    assert not differs[130:190, 210:290].any()
    assert (columns.min(), columns.max()) == pytest.approx((40, 300), abs=3)
    assert rows.max() == pytest.approx(200, abs=3)
