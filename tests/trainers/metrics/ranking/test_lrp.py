"""LRP and F1 against slow loops and values worked out by hand; the band; the bounds of rank correlation."""

import json

import numpy as np
import pytest

from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.metrics import LRP, THRESHOLDS, CocoAP, Found, Truth, correlation_bounds, rank_correlation

from ....reference import detection_metrics as reference
from ...detections import random_pictures, row

NONE = Found(np.zeros((0, 4)), [], [])


def measured(pictures, class_names=("cat",), tau=0.5):
    lrp = LRP(class_names, tau)
    for truth, found in pictures:
        lrp.update(truth, found)
    return lrp


def plain(pictures):
    """The same pictures as the slow loops take them."""
    return [
        (
            list(zip(truth.boxes.tolist(), truth.classes.tolist(), truth.difficult, truth.crowd)),
            list(zip(found.boxes.tolist(), found.classes.tolist(), found.scores.tolist())),
        )
        for truth, found in pictures
    ]


@pytest.mark.parametrize(("seed", "tau", "scale"), [(0, 0.5, 1.0), (1, 0.6, 1.0), (2, 0.5, 0.01)])
def test_agrees_with_slow_loops(seed, tau, scale):
    pictures = random_pictures(seed=seed, scale=scale)
    result = measured(pictures, "abc", tau).result()
    slow = [reference.fates(plain(pictures), kind, tau) for kind in range(3)]
    for kind, (counted, truths) in enumerate(slow):
        rows = [
            (lrp, -score, *rest)
            for score in {score for score, _ in counted}
            for lrp, _, *rest in [reference.at_threshold(counted, truths, score, tau)]
        ]
        best = min(rows, key=lambda entry: (round(entry[0], 12), -entry[1]))
        assert result.class_olrp[kind] == pytest.approx(best[0])
        assert result.class_threshold[kind] == pytest.approx(-best[1], abs=0)
        assert result.class_localization[kind] == pytest.approx(best[2])
        assert result.class_false_positives[kind] == pytest.approx(best[3])
        assert result.class_false_negatives[kind] == pytest.approx(best[4])
    assert result.olrp == pytest.approx(np.mean(result.class_olrp))
    assert result.false_negatives == pytest.approx(np.mean(result.class_false_negatives))
    together = [entry for counted, _ in slow for entry in counted]
    truths = sum(truths for _, truths in slow)
    assert set(THRESHOLDS.astype(float)) <= set(result.thresholds)
    for place in range(0, len(result.thresholds), 5):
        threshold = result.thresholds[place]
        lrp, f1, *_ = reference.at_threshold(together, truths, threshold, tau)
        assert result.lrp_curve[place] == pytest.approx(lrp)
        assert result.f1_curve[place] == pytest.approx(f1)
        by_class = [reference.at_threshold(*entries, threshold, tau)[:2] for entries in slow]
        assert result.class_lrp_curve[place] == pytest.approx(np.mean([lrp for lrp, _ in by_class]))
        assert result.class_f1_curve[place] == pytest.approx(np.mean([f1 for _, f1 in by_class]))
    grid = [reference.at_threshold(together, truths, threshold, tau)[1] for threshold in THRESHOLDS]
    assert result.mean_f1 == pytest.approx(np.mean(grid))


def test_hit_alarm_hit_by_hand():
    truth = Truth(row(100, 100, 100), [0, 0, 0])
    found = Found(np.concatenate([row(80, 70), [[0, 50, 100, 60]]]), [0.9, 0.6, 0.8], [0, 0, 0])
    result = measured([(truth, found)]).result()
    # At .9: one hit with error (1 - .8) / .5 = .4, two missed: (.4 + 2) / 3 = .8.
    # At .8: a false alarm more: (.4 + 3) / 4 = .85. At .6: hits .4 + .6, one alarm, one missed: (1 + 2) / 4 = .75.
    for threshold, expected in ((1.0, 1.0), (0.9, 0.8), (0.8, 0.85), (0.7, 0.85), (0.6, 0.75), (0.1, 0.75)):
        place = np.searchsorted(result.thresholds, threshold - 1e-7)
        assert result.lrp_curve[place] == pytest.approx(expected)
    assert result.olrp == result.lrp == pytest.approx(0.75)
    assert result.class_threshold[0] == result.lrp_threshold == pytest.approx(0.6)
    assert result.localization == pytest.approx((0.2 + 0.3) / 2)
    assert result.false_positives == pytest.approx(1 / 3)
    assert result.false_negatives == pytest.approx(1 / 3)
    assert result.f1 == pytest.approx(4 / 6)
    assert result.class_scalars["cat"]["olrp_false_positives"] == pytest.approx(1 / 3)
    # Another tau: the hit with IoU .7 becomes an alarm.
    assert measured([(truth, found)], tau=0.75).result().olrp == pytest.approx((0.2 / 0.25 + 2) / 3)


def test_of_equally_good_thresholds_the_lowest_is_named():
    # Two true boxes; hit, alarm, alarm, hit. F1 is 2/3 at .9 and 4/6 at .6, LRP 1/2 and 2/4.
    truth = Truth(row(100, 100), [0, 0])
    boxes = np.concatenate([row(100), row(100, y=50.0), row(100, y=90.0), row(100, 100)[1:]])
    result = measured([(truth, Found(boxes, [0.9, 0.8, 0.7, 0.6], [0] * 4))]).result()
    assert (result.f1, result.lrp) == pytest.approx((2 / 3, 0.5))
    assert result.f1_threshold == result.lrp_threshold == result.class_threshold[0] == 0.6


def test_the_band_is_exact_however_small_the_scores():
    # 100 true boxes. Cut at .8: 98 hits, F1 196/198 = .9899; at .7: 198/199; at .6: all, F1 = 1; at .5 an alarm:
    # 200/201; at .4 three alarms: 200/203 = .985. Within 1 % of 1 are the cuts .7 to .5, so thresholds above .4 to .7.
    truth = Truth(row(*[100] * 100), np.zeros(100, int))
    boxes = np.concatenate([row(*[100] * 100), row(*[30] * 3)])
    scores = np.float32([*[0.8] * 98, 0.7, 0.6, 0.5, 0.4, 0.4])
    for scale in (1.0, 2.0**-12):
        found = Found(boxes, scores * np.float32(scale), np.zeros(103, int))
        result = measured([(truth, found)]).result()
        low, high = result.band
        assert (high, result.f1_threshold) == (np.float32(0.7) * scale, np.float32(0.6) * scale)
        assert np.float32(0.4) * scale < low < np.float32(0.4) * scale * (1 + 1e-6)
        assert np.float32(low) == low
        assert result.f1 == 1
        assert result.olrp == 0
        assert result.scalars["band_low"] == low
    wide = Found(boxes[:100], scores[:100], np.zeros(100, int))
    assert measured([(truth, wide)]).result().band == (0.0, float(np.float32(0.7)))


def test_corner_cases():
    truth, nothing = Truth(row(100), [0]), Truth(np.zeros((0, 4)), [])
    none = measured([(truth, NONE)]).result()
    assert (none.olrp, none.false_negatives, none.lrp, none.f1) == (1.0, 1.0, 1.0, 0.0)
    assert np.isnan([none.localization, none.false_positives, none.f1_threshold, *none.band]).all()
    assert set(none.scalars) == {"olrp", "olrp_false_negatives", "lrp", "f1", "mean_f1"}
    assert none.class_scalars["cat"] == {"olrp": 1.0, "olrp_false_negatives": 1.0}
    only_alarms = measured([(truth, Found([[0, 50, 100, 60]], [0.9], [0]))]).result()
    assert (only_alarms.olrp, only_alarms.f1) == (1.0, 0.0)
    perfect = measured([(truth, Found(row(100), [0.3], [0]))]).result()
    assert (perfect.olrp, perfect.localization, perfect.false_positives, perfect.false_negatives) == (0, 0, 0, 0)
    assert perfect.band == (0.0, pytest.approx(0.3))
    # IoU of just tau: as bad as nothing found, and still a hit.
    assert measured([(truth, Found(row(50), [0.3], [0]))]).result().olrp == 1.0
    # A class without truth is left out of the average, but its false alarms count under one threshold for all.
    found = Found(np.concatenate([row(100), row(100)]), [0.3, 0.9], [0, 1])
    left_out = measured([(truth, found)], ("cat", "dog")).result()
    assert left_out.olrp == 0
    assert np.isnan(left_out.class_olrp[1])
    assert left_out.class_f1_curve[0] == 1
    assert left_out.f1 == pytest.approx(2 / 3)
    with pytest.raises(MetricfitError, match="a box that counts"):
        measured([(nothing, found)], ("cat", "dog")).result()
    assert json.dumps(left_out.curves)


def test_refuses_logits_and_tau():
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        measured([(Truth(row(100), [0]), Found(row(100), [-2.0], [0]))])
    with pytest.raises(ValueError, match="tau"):
        LRP(("cat",), tau=1.0)


def figure_1(iou):
    """The ten anchors of Figure 1 of the aLRP paper, hits at ranks 1, 3, 6 and 10 of 5 objects, IoU a hair above."""
    pictures = []
    widths = {place: 100 * value + 0.1 for place, value in zip((0, 2, 5, 9), iou)}
    for place, score in enumerate([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]):
        truth = row(100) if place in widths or place == 1 else np.zeros((0, 4))
        boxes = row(widths[place]) if place in widths else row(100, y=50.0)
        pictures.append((Truth(truth, [0] * len(truth)), Found(boxes, [score], [0])))
    return pictures


def test_correlation_bounds_of_the_papers_figure_1():
    bounds = correlation_bounds(measured(figure_1((0.8, 0.65, 0.5, 0.95))).matches.by_class())
    # By hand, of 5 objects: precision at the four hits 1, 2/3, 1/2, 2/5 at 21, 20, 20 and 20 of the 101 recalls.
    at = [21 / 101, 20 / 101 * 2 / 3, 20 / 101 / 2, 20 / 101 * 2 / 5]
    # The IoU of the hits is .95, .8, .65, .5 in the best order: all count at .5, one less from .55, .7 and .85 on.
    upper = [sum(at), *[sum(at[:3])] * 3, *[sum(at[:2])] * 3, *[at[0]] * 3]
    assert bounds.upper["ap"] == pytest.approx(np.mean(upper))
    assert bounds.upper["ap50"] == bounds.lower["ap50"] == pytest.approx(sum(at))
    assert (bounds.upper["ap75"], bounds.upper["ap90"]) == pytest.approx((sum(at[:2]), at[0]))
    # And in the worst order: two hits, at ranks 6 and 10, at .75 (precision 1/5 at best), one at .9 (1/10).
    assert (bounds.lower["ap75"], bounds.lower["ap90"]) == pytest.approx((41 / 101 / 5, 21 / 101 / 10))
    # Figure 1 (b) of the paper reads AP at the 5 objects instead: 0.51, and 0.02 at IoU .95.
    assert bounds.upper["ap50"] == pytest.approx(0.51, abs=0.01)
    assert bounds.lower["ap90"] == pytest.approx(0.02, abs=0.001)


def rho(lrp):
    return rank_correlation(lrp.matches.by_class())


def test_rho_of_the_papers_figure_1():
    # Ranks by score 4 3 2 1 against ranks by IoU 3 2 1 4: Spearman's 1 - 6 (1 + 1 + 1 + 9) / (4 * 15).
    assert rho(measured(figure_1((0.8, 0.65, 0.5, 0.95)))) == pytest.approx(1 - 6 * 12 / 60)
    assert rho(measured(figure_1((0.95, 0.8, 0.65, 0.5)))) == pytest.approx(1)
    assert rho(measured(figure_1((0.5, 0.65, 0.8, 0.95)))) == pytest.approx(-1)


def test_bounds_of_a_detector_already_in_that_order_are_its_ap():
    for order, name in (((0.95, 0.8, 0.65, 0.5), "upper"), ((0.5, 0.65, 0.8, 0.95), "lower")):
        coco = CocoAP(("cat",))
        for truth, found in figure_1(order):
            coco.update(truth, found)
        bounds = getattr(correlation_bounds(measured(figure_1(order)).matches.by_class()), name)
        own = coco.result().scalars
        assert bounds == pytest.approx({key: own[key] for key in ("ap", "ap50", "ap75", "ap90")})


def test_bounds_enclose_ap():
    pictures = random_pictures(seed=5, count=60)
    coco, lrp = CocoAP("abc"), measured(pictures, "abc")
    for truth, found in pictures:
        coco.update(truth, found)
    bounds, own = correlation_bounds(lrp.matches.by_class()), coco.result()
    assert bounds.lower["ap"] < own.ap < bounds.upper["ap"]
    assert bounds.lower["ap50"] == pytest.approx(own.ap50) == bounds.upper["ap50"]
    nothing = correlation_bounds(measured([(Truth(row(100), [0]), NONE)]).matches.by_class())
    assert nothing.lower == nothing.upper == {"ap": 0.0, "ap50": 0.0, "ap75": 0.0, "ap90": 0.0}


def test_rank_correlation_averages_classes_and_shares_ranks():
    iou = (60, 70, 80, 90)
    truth = Truth(np.concatenate([row(*[100] * 4), row(*[100] * 4)]), [0] * 4 + [1] * 4)
    boxes = np.concatenate([row(*iou), row(*iou)])
    found = Found(boxes, [0.1, 0.2, 0.3, 0.4, 0.5, 0.5, 0.4, 0.2], [0] * 4 + [1] * 4)
    # Class 1: ranks by score 3.5 3.5 2 1 against 1 2 3 4.
    expected = np.corrcoef([3.5, 3.5, 2, 1], [1, 2, 3, 4])[0, 1]
    assert rho(measured([(truth, found)], "ab")) == pytest.approx((1 + expected) / 2)
    same = Found(boxes[:4], [0.5] * 4, [0] * 4)
    assert np.isnan(rho(measured([(truth, same)], "ab")))
    assert np.isnan(rho(measured([(truth, NONE)], "ab")))


def test_curves_are_fine_where_the_best_thresholds_of_low_scores_lie():
    rng = np.random.default_rng(0)
    metric = LRP(("cell",))
    boxes = np.array([[20 * place, 0, 20 * place + 10, 10] for place in range(100)], np.float32)
    for _ in range(20):
        # Two true boxes a picture among a hundred, and all scores below one step of {0..255}/255.
        scores = np.concatenate([rng.uniform(1e-3, 3e-3, 2), rng.uniform(0, 2e-3, 98)])
        metric.update(Truth(boxes[:2], np.zeros(2, int)), Found(boxes, scores, np.zeros(100, int)))
    result = metric.result()
    assert result.f1_threshold < 1 / 255
    assert max(result.f1_curve) > 0.99 * result.f1
