"""Class maps for the mean IoU to be expected, against trying all of them, and in a world where probabilities are so."""

import numpy as np
import pytest

from metricfit.trainers.data.example import Example
from metricfit.trainers.errors import UsageError
from metricfit.trainers.judge import expected_iou as deciding
from metricfit.trainers.judge.classes import ClassJudge
from metricfit.trainers.judge.expected_iou import decide, decided_in_groups
from metricfit.trainers.judge.feeding import judge_all
from metricfit.trainers.judge.likeliest import likeliest
from metricfit.trainers.metrics.expected_iou import Promised, expected_iou

from ...reference import expected_iou as reference

NAMES = ("sky", "road", "sign")


def pixels(rng, count, classes):
    return rng.dirichlet(rng.choice([0.3, 1.0, 2.0], classes), count).astype(np.float32)


def promised(decided, field="promised"):
    """What is promised of a whole group."""
    return float(expected_iou(Promised(*(sum(parts) for parts in zip(*(getattr(one, field) for one in decided))))))


@pytest.mark.parametrize("seed", range(40))
def test_single_pixels_get_the_best_of_all_class_maps(seed):
    rng = np.random.default_rng(seed)
    scores = pixels(rng, 6, int(rng.integers(2, 4)))
    (decided,) = decide([scores.reshape(2, 3, -1)])
    own = reference.expected_iou(scores, decided.classes.ravel())
    assert own == pytest.approx(promised([decided]), abs=1e-6)
    assert own == pytest.approx(reference.best(scores), abs=1e-6)
    first = likeliest(scores.reshape(2, 3, -1)).classes.ravel()
    assert promised([decided], "promised_likeliest") == pytest.approx(reference.expected_iou(scores, first), abs=1e-6)


def test_many_pixels_get_nearly_the_best_and_never_less_than_the_likeliest_classes():
    lost, gained = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scores, copies = pixels(rng, 6, 3), rng.integers(1, 400, 6)
        (decided,) = decide([np.repeat(scores, copies, axis=0)[:, None]])
        classes = decided.classes[np.cumsum(copies) - 1, 0]
        own = reference.expected_iou(scores, classes, copies)
        assert own == pytest.approx(promised([decided]), abs=1e-6)
        lost.append(reference.best(scores, copies) - own)
        gained.append(own - reference.expected_iou(scores, scores.argmax(axis=1), copies))
    assert np.min(gained) > -1e-7
    assert np.max(lost) < 0.03
    assert np.mean(lost) < 0.001 < 0.01 < np.mean(gained)


def test_a_group_is_decided_as_one():
    """Cut into pictures of any shape, pixels get what they get in one."""
    scores = pixels(np.random.default_rng(3), 60, 4)
    (whole,) = decide([scores.reshape(6, 10, 4)])
    parts = decide([scores[:20].reshape(4, 5, 4), scores[20:27].reshape(7, 1, 4), scores[27:].reshape(3, 11, 4)])
    np.testing.assert_array_equal(np.concatenate([one.classes.ravel() for one in parts]), whole.classes.ravel())
    assert not np.array_equal(whole.classes.ravel(), scores.argmax(axis=1))
    alone = [decide([part[None]])[0].classes.ravel() for part in (scores[:20], scores[20:27], scores[27:])]
    assert not np.array_equal(np.concatenate(alone), whole.classes.ravel())
    assert decide([]) == []


def test_what_was_decided_before_counts():
    """Later pixels get nearly the best of all class maps, where the earlier ones have theirs."""
    lost, alone = [], []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        scores, earlier = pixels(rng, 6, 3), pixels(rng, 5, 3)
        (first,) = decide([earlier[None]])
        told, both = tuple(first.classes[0].tolist()), np.concatenate([earlier, scores])
        best = reference.best(both, begins=told)
        for found, (decided,) in ((lost, decide([scores[None]], first.promised)), (alone, decide([scores[None]]))):
            found.append(best - reference.expected_iou(both, (*told, *decided.classes[0])))
    assert np.max(lost) < 0.005
    assert np.mean(lost) < 1e-3 < np.mean(alone)


def test_a_class_without_probability_is_given_nowhere():
    scores = np.zeros((3, 4, 5), np.float32)
    scores[..., 1], scores[..., 3] = 0.6, 0.4
    (decided,) = decide([scores])
    assert set(np.unique(decided.classes)) <= {1, 3}
    doubtful = np.float32([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1 / 3, 1 / 3, 1 / 3, 0]])
    (decided,) = decide([np.repeat(doubtful, [90, 90, 90, 10], axis=0)[None]])
    assert set(np.unique(decided.classes)) == {0, 1, 2}
    certain = np.eye(5, dtype=np.float32)[[[1, 3, 1]]]
    np.testing.assert_array_equal(decide([certain])[0].classes, [[1, 3, 1]])


def examples(count, *, seed=0, shape=(24, 30), sharpened=1.0):
    """Pictures whose labels are drawn by the probabilities, and these; the third class is rare and never likely."""
    rng = np.random.default_rng(seed)
    for index in range(count):
        scores = rng.dirichlet([1.5, 1.5, 0.15], shape).astype(np.float32)
        drawn = (scores.cumsum(axis=-1) < rng.random(shape)[..., None] * scores.sum(axis=-1, keepdims=True)).sum(
            axis=-1
        )
        labels = np.minimum(drawn, 2).astype(np.uint8)
        given = scores**sharpened
        given /= given.sum(axis=-1, keepdims=True)
        yield Example(np.zeros((*shape, 3), np.uint8), labels=labels, name=f"{index}"), given


def test_where_probabilities_are_so_it_is_better_than_the_likeliest_classes_and_what_they_promise():
    judge = ClassJudge(NAMES, decision="iou", shown=[0, 4])
    judge_all(decided_in_groups(examples(30)), judge)
    report = judge.result()
    assert report.decided.jaccard.dataset_miou_present > report.jaccard.dataset_miou_present + 0.01
    assert report.decided.jaccard.pixel_accuracy < report.jaccard.pixel_accuracy
    assert report.scalars["expected_miou"] == pytest.approx(report.jaccard.dataset_miou_present, abs=0.01)
    assert report.decided.expected == pytest.approx(report.decided.jaccard.dataset_miou_present, abs=0.01)
    assert report.note == ""
    given = report.to_dict()["decided"]
    assert (given["group"], given["images"]) == (21, 30)
    assert given["scalars"]["dataset_miou_present"] == report.decided.jaccard.dataset_miou_present
    signs = report.class_scalars["sign"]
    assert signs["decided_iou"] > signs["iou"]
    assert {"panels", "decided_panels", "decided_class_iou"} <= set(report.figures())


def test_what_is_promised_and_not_kept_is_told():
    judge = ClassJudge(NAMES, decision="iou")
    judge_all(decided_in_groups(examples(6, sharpened=8.0)), judge)
    report = judge.result()
    assert report.scalars["expected_miou"] > report.jaccard.dataset_miou_present + 0.1
    assert report.note.startswith(f"the probabilities promise the likeliest classes a mIoU of {report.expected:.3f}")


def test_groups_are_pictures_in_a_row(monkeypatch, caplog):
    pairs = list(examples(7, shape=(4, 6)))
    monkeypatch.setattr(deciding, "GROUP", 3)
    found = list(decided_in_groups(iter(pairs)))
    assert [example.name for example, _ in found] == [str(index) for index in range(7)]
    before = [np.zeros(3), np.zeros(3)]
    for start in range(0, 7, 3):
        expected = decide([scores for _, scores in pairs[start : start + 3]], Promised(*before))
        before = [before[part] + sum(one.promised[part] for one in expected) for part in (0, 1)]
        for (_, one), decided in zip(found[start : start + 3], expected, strict=True):
            np.testing.assert_array_equal(one.decided.classes, decided.classes)
    for (_, scores), (_, one) in zip(pairs, found):
        np.testing.assert_array_equal(one.classes, scores.argmax(axis=-1))
    assert not caplog.records
    monkeypatch.setattr(deciding, "MEMORY", 2 * pairs[0][1].nbytes)
    fewer = list(decided_in_groups(iter(pairs)))
    first = [one.promised for one in decide([scores for _, scores in pairs[:2]])]
    expected = decide([scores for _, scores in pairs[2:4]], Promised(*np.sum(first, axis=0)))
    np.testing.assert_array_equal(fewer[3][1].decided.classes, expected[1].classes)
    (record,) = caplog.records
    assert record.message.startswith("--decision iou: 2 pictures are a group instead of 3")


def test_what_is_no_probability_is_refused():
    ((example, scores),) = examples(1)
    with pytest.raises(UsageError, match=r"--decision iou needs probabilities, 0 to 1, and the model gives .* for 0"):
        next(decided_in_groups([(example, np.log(scores))]))
    with pytest.raises(UsageError, match="nan"):
        next(decided_in_groups([(example, scores * np.nan)]))
    with pytest.raises(ValueError, match="needs the decided class map of 0"):
        ClassJudge(NAMES, decision="iou").update(example, likeliest(scores))
