"""What goes wrong in single pictures, counted by hand and against plain loops; and what is said of a threshold."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from metricfit.trainers.data.example import IGNORE, Example
from metricfit.trainers.errors import DataError
from metricfit.trainers.figures.guarantee import guarantee_figure
from metricfit.trainers.guarantees.losses import GRIDS, Counts, PictureLosses
from metricfit.trainers.guarantees.promise import read_promise
from metricfit.trainers.guarantees.unseen import fingerprint
from metricfit.trainers.judge.boxes import BoxJudge
from metricfit.trainers.judge.classes import ClassJudge
from metricfit.trainers.judge.likeliest import Likeliest
from metricfit.trainers.judge.maps import MapJudge
from metricfit.trainers.metrics import Found, Truth

from ..detections import NAMES, random_pictures

RECALL = read_promise("recall >= 0.3 @ 0.9")


def example_of(truth, index):
    image = np.full((4, 4, 3), index, np.uint8)
    return Example(
        image, boxes=truth.boxes, classes=truth.classes, difficult=truth.difficult, crowd=truth.crowd, name=f"{index}"
    )


def box_judge(pictures, start=0, promise=RECALL, stop=None):
    judge = BoxJudge(NAMES, guarantee=promise, start=start)
    for index, (truth, found) in list(enumerate(pictures))[start:stop]:
        judge.update(example_of(truth, index), found)
    return judge


def slowly(measure, right, found, there, beta2=1.0):
    """A measure of one picture; None where it has none."""
    if measure == "recall":
        return right / there if there else None
    if measure == "precision":
        return right / found if found else None
    return (1 + beta2) * right / (beta2 * there + found) if there + found else None


def same_means(guarantee, counted, beta2=1.0, step=7):
    """Compare the curves with plain means over pictures, by (right, found, there) at each threshold."""
    for measure, curve in guarantee.curves.items():
        for place in range(0, len(guarantee.thresholds), step):
            values = [slowly(measure, *one(guarantee.thresholds[place]), beta2) for one in counted]
            values = [value for value in values if value is not None]
            if values:
                assert curve[place] == pytest.approx(np.mean(values), abs=1e-12)
            else:
                assert np.isnan(curve[place])


def test_boxes_of_pictures_are_counted_as_plain_loops_do():
    pictures = random_pictures(seed=5, count=40)

    def counted(truth, found):
        def at(threshold):
            reaching = found.scores >= threshold
            kept = Found(found.boxes[reaching], found.scores[reaching], found.classes[reaching])
            counts = Counts.of_boxes(NAMES, truth, kept, 0.5)
            return counts.right[0], counts.found[0], int((~truth.ignored).sum())

        return at

    guarantee = box_judge(pictures).guarantee
    same_means(guarantee, [counted(*pair) for pair in pictures], step=97)
    assert (guarantee.pictures, guarantee.counted) == (40, sum((~truth.ignored).any() for truth, _ in pictures))


def test_a_box_counts_by_hand():
    truth = Truth([[0, 0, 10, 10], [20, 0, 30, 10], [40, 0, 50, 10]], [0, 0, 1], difficult=[False, False, True])
    found = Found([[0, 0, 10, 9], [20, 0, 30, 6], [40, 0, 50, 10], [60, 0, 70, 10]], [0.9, 0.8, 0.7, 0.6], [0, 0, 1, 2])
    at_half, strict = (Counts.of_boxes(NAMES, truth, found, iou) for iou in (0.5, 0.75))
    places = [int(np.searchsorted(GRIDS["boxes"], level)) for level in (0.5, 0.75, 0.85, 0.95)]
    assert (at_half.right[places].tolist(), at_half.found[places].tolist(), at_half.there) == (
        [2, 2, 1, 0],
        [3, 2, 1, 0],
        2,
    )
    assert (strict.right[places].tolist(), strict.found[places].tolist()) == ([1, 1, 1, 0], [3, 2, 1, 0])
    exactly = np.float32(GRIDS["boxes"][100])
    assert Counts.of_boxes(NAMES, truth, Found([[0, 0, 10, 10]], [exactly], [0]), 0.5).found[100:102].tolist() == [1, 0]


def test_boxes_of_classes_that_the_data_do_not_name_are_found_and_never_right():
    judge = BoxJudge(("cat",), model_classes=("newt", "cat"), guarantee=RECALL)
    truth, box = Truth([[0, 0, 10, 10]], [0]), [0, 0, 10, 10]
    judge.update(example_of(truth, 0), Found([box, box], [0.9, 0.7], [1, 0]))
    judge.update(example_of(Truth(np.zeros((0, 4)), []), 1), Found([box], [0.3], [0]))
    at = {level: int(np.searchsorted(GRIDS["boxes"], level)) for level in (0.2, 0.5, 0.8)}
    precision = judge.guarantee.curves["precision"]
    assert [precision[at[level]] for level in at] == pytest.approx([1 / 4, 1 / 2, 1])
    assert judge.guarantee.curves["recall"][at[0.5]] == 1


def map_pairs(count=12):
    rng = np.random.default_rng(6)
    for index in range(count):
        mask = (rng.random((9, 11)) < (0.4 if index else 0.0)).astype(np.uint8)
        mask[rng.random(mask.shape) < 0.1] = IGNORE
        saliency = np.round(rng.random(mask.shape) * 20).astype(np.float32) / np.float32(20)
        yield Example(np.full((9, 11, 3), index, np.uint8), mask=mask, name=f"map {index}"), saliency


@pytest.mark.parametrize("beta2", [0.3, 1.0])
def test_maps_are_counted_as_plain_loops_do(beta2):
    judge = MapJudge(beta2=beta2, guarantee=RECALL)
    counted = []
    for example, saliency in map_pairs():
        judge.update(example, saliency)

        def at(threshold, mask=example.mask, saliency=saliency):
            found, salient = saliency >= np.float32(threshold), mask == 1
            return (found & salient).sum(), (found & (mask != IGNORE)).sum(), salient.sum()

        counted.append(at)
    report = judge.result()
    assert report.guarantee.thresholds[0] > 0, "at 0 everything is marked"
    same_means(report.guarantee, counted, beta2)
    assert 0.3 < report.guarantee.means["recall"] == report.guarantee.curves["recall"][255 * 2 // 5 - 1]
    assert (report.guarantee.pictures, report.guarantee.counted) == (12, 11), "one has nothing salient"


def test_class_maps_count_pixels_that_show_their_class():
    judge = ClassJudge(("sky", "tree"), guarantee=RECALL)
    labels = np.array([[0, 1, 1, IGNORE]], np.uint8)
    likeliest = Likeliest(np.array([[0, 1, 0, 1]], np.uint8), np.array([[0.9, 0.6, 0.7, 1.0]], np.float32))
    judge.update(Example(np.zeros((1, 4, 3), np.uint8), labels=labels, name="one"), likeliest)
    curves = judge.guarantee.curves
    places = [int(255 * level) for level in (0.5, 0.65, 0.8, 0.95)]
    assert curves["recall"][places] == pytest.approx([2 / 3, 1 / 3, 1 / 3, 0])
    assert curves["precision"][places][:3] == pytest.approx([2 / 3, 1 / 2, 1])
    assert np.isnan(curves["precision"][places[3]])


def test_judges_of_parts_merge_to_the_bit_in_any_order():
    pictures = random_pictures(seed=7, count=30)
    whole, first, second, third = (
        box_judge(pictures, start, stop=stop) for start, stop in ((0, None), (0, 11), (11, 19), (19, None))
    )
    merged = pickle.loads(pickle.dumps(third))
    for other in (first, second):
        merged.merge(pickle.loads(pickle.dumps(other)))
    assert merged.guarantee.to_dict() == whole.guarantee.to_dict()
    assert merged.result().guarantee.threshold == whole.result().guarantee.threshold is not None
    with pytest.raises(ValueError, match="promise"):
        whole.merge(box_judge(pictures, promise=read_promise("recall >= 0.4 @ 0.9")))
    with pytest.raises(ValueError, match="same measures"):
        whole.merge(BoxJudge(NAMES))


def test_the_digest_tells_pictures_names_and_truths_apart():
    pictures = random_pictures(seed=8, count=4)
    same = box_judge(pictures).guarantee.digest
    assert len(same) == 64
    truth, found = pictures[2]
    moved = [*pictures[:2], (Truth(truth.boxes + 1, truth.classes, truth.difficult, truth.crowd), found), pictures[3]]
    others = {box_judge(pictures, stop=3).guarantee.digest, box_judge(moved).guarantee.digest}
    renamed = BoxJudge(NAMES, guarantee=RECALL)
    for index, (truth, found) in enumerate(pictures):
        renamed.update(example_of(truth, index + (index == 3)), found)
    assert len({same, *others, renamed.guarantee.digest}) == 4


def test_a_picture_that_comes_twice_or_that_the_model_knows_is_refused():
    pictures = random_pictures(seed=9, count=6)
    judge, other = box_judge(pictures, stop=4), box_judge(pictures, start=3)
    with pytest.raises(DataError, match=r"^2 shows the same picture as 2: .* leave one of them out$"):
        judge.update(example_of(pictures[0][0], 2), pictures[0][1])
    with pytest.raises(DataError, match=r"^3 shows the same picture as 3"):
        judge.merge(pickle.loads(pickle.dumps(other)))
    assert judge.guarantee.pictures == 4, "a refusal leaves all as it was"
    known = fingerprint(example_of(pictures[5][0], 5).image)
    with pytest.raises(DataError, match=r"^5 shows a picture on which the model was trained or chosen"):
        box_judge(pictures, promise=replace(RECALL, known=frozenset({known})))
    box_judge(pictures[:5], promise=replace(RECALL, known=frozenset({known})))


# What is said.


def guarantee_of(text, right, found, there, pictures=60, beta2=1.0):
    """The guarantee of equal pictures, by what is right and found from each threshold on."""
    losses = PictureLosses(read_promise(text), "mask", beta2)
    for index in range(pictures):
        image = np.full((1, 1, 3), index, np.uint8)
        losses.add(Example(image, name=str(index)), Counts(np.array(right), np.array(found), there))
    return losses.result()


def test_what_holds_is_said_with_its_pictures_and_what_breaks_it():
    right = np.where(np.arange(255) < 100, 10, 5)
    kept = guarantee_of("recall >= 0.9 @ 0.95", right, np.full(255, 20), 10)
    assert kept.threshold == float(np.float32(100 / 255)), "a number that is the same in float32 and float64"
    assert kept.means == pytest.approx({"recall": 1.0, "precision": 0.5, "f": 2 / 3})
    for words in (
        '"recall >= 0.9 @ 0.95" is kept by threshold 0.392157',
        "pictures drawn as the 60 calibration pictures that count were",
        "the share of a picture's salient pixels that are marked, averaged over pictures with something to find, is at "
        "least 0.9, with a probability of 95 % over the draw of these (on these: recall 1.000, precision 0.500, f 0.6",
        "does not hold for other cameras or scenes",
    ):
        assert words in kept.statement
    expected = guarantee_of("recall >= 0.9", right, np.full(255, 20), 10)
    assert "is at least 0.9 in expectation, over the draw of these and of a further one" in expected.statement
    assert kept.to_dict(curves=False).keys() == {
        "promise", "threshold", "pictures", "counted", "means", "digest", "statement",
    }  # fmt: skip
    assert kept.to_dict()["curves"]["recall"][99:101] == pytest.approx([1.0, 0.5])


def test_why_nothing_can_be_promised_is_said_with_what_could_be():
    few = guarantee_of("recall >= 0.9 @ 0.95", np.full(255, 19), np.full(255, 20), 20)
    assert few.threshold is None
    assert "cannot be promised by these 60 pictures" in few.statement
    assert (
        "is 0.950 where it is surest, about recall >= 0.85 could be, and 170 or so of such pictures would do"
        in few.statement
    )
    never = guarantee_of("recall >= 0.9 @ 0.95", np.full(255, 16), np.full(255, 20), 20)
    assert never.statement.endswith("and more would not help")
    empty = guarantee_of("precision >= 0.9 @ 0.95", np.zeros(255), np.zeros(255), 20)
    assert empty.statement.endswith("by these 60 pictures: pictures in which something is found are none of them")


def test_what_could_be_promised_is_by_the_thresholds_at_which_tests_begin():
    right = np.full(255, 12)
    right[40:50] = 20  # where no test comes by
    told = guarantee_of("precision >= 0.9 @ 0.9", right, np.full(255, 20), 20, pictures=200).statement
    assert "is 0.600 where it is surest, about precision >= 0.5 could be, and more would not help" in told


@pytest.mark.parametrize(("beta2", "name"), [(1.0, "F1"), (0.3, "F (beta2 0.3)")])
def test_it_is_said_which_f_is_promised(beta2, name):
    kept = guarantee_of("f >= 0.5 @ 0.9", np.full(255, 9), np.full(255, 10), 10, beta2=beta2)
    assert f": for pictures drawn as the 60 calibration pictures that count were, {name} of a picture's mask" in (
        kept.statement
    )


def test_the_figure_shows_what_can_be_promised_below_the_mean():
    kept = guarantee_of("recall >= 0.9 @ 0.95", np.where(np.arange(255) < 100, 10, 5), np.full(255, 20), 10)
    (axes,) = guarantee_figure(kept, "a model").axes
    lines = {line.get_label(): line for line in axes.lines}
    assert {"recall", "precision", "F", "can be promised", "promised", "threshold"} <= set(lines)
    assert (lines["can be promised"].get_ydata() < lines["recall"].get_ydata()).all()
    assert lines["threshold"].get_xdata()[0] == kept.threshold
    assert "0.3922, 60 pictures" in axes.get_title(loc="left")
    none = guarantee_of("recall >= 0.9 @ 0.95", np.full(255, 5), np.full(255, 20), 10)
    assert "no threshold keeps it" in guarantee_figure(none, "a model").axes[0].get_title(loc="left")
