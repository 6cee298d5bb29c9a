"""What may be promised, as it is written, and what is refused in a sentence."""

import math

import pytest

from metricfit.trainers.errors import UsageError
from metricfit.trainers.guarantees.promise import Promise, read_promise, refuse_too_few


@pytest.mark.parametrize(
    ("text", "promise"),
    [
        ("recall >= 0.9 @ 0.95", Promise("recall >= 0.9 @ 0.95", "recall", 0.9, 0.95)),
        ("  Recall>=.9@.95 ", Promise("recall >= 0.9 @ 0.95", "recall", 0.9, 0.95)),
        ("recall >= 0.8", Promise("recall >= 0.8", "recall", 0.8, None)),
        ("FNR <= 0.1 @ 0.9", Promise("fnr <= 0.1 @ 0.9", "recall", 0.9, 0.9)),
        ("fdr <= 0.25 @ 0.9", Promise("fdr <= 0.25 @ 0.9", "precision", 0.75, 0.9)),
        ("F >= 0.7 @ 0.9", Promise("f >= 0.7 @ 0.9", "f", 0.7, 0.9)),
        ("fnr <= 0.00002 @ 0.9", Promise("fnr <= 0.00002 @ 0.9", "recall", 0.99998, 0.9)),
        ("recall >= 0.8999999 @ .9999999", Promise("recall >= 0.8999999 @ 0.9999999", "recall", 0.8999999, 0.9999999)),
        ("precision@iou=.75 >= 0.6 @ 0.9", Promise("precision@iou=0.75 >= 0.6 @ 0.9", "precision", 0.6, 0.9, 0.75)),
    ],
)
def test_a_promise_is_read_and_written_so_that_it_is_read_again(text, promise):
    assert read_promise(text) == promise
    assert read_promise(promise.text) == promise


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", 'must read like "recall >= 0.9 @ 0.95", .* got nothing'),
        ("recall > 0.9", "must read like"),
        ("recall >= 0.9 @ 0.95 @ 0.9", "must read like"),
        ("recall >= 9e-1", "must read like"),
        ("accuracy >= 0.9 @ 0.95", "one of recall, precision, f, fnr, fdr, got accuracy"),
        ("recall <= 0.9 @ 0.95", "of recall takes >=, got <="),
        ("fnr >= 0.9 @ 0.95", "of fnr takes <=, got >="),
        ("recall >= 1 @ 0.95", "between 0 and 1, of twelve digits at most, got 1 in"),
        ("recall >= 0.9 @ 95", "between 0 and 1, of twelve digits at most, got 95 in"),
        ("recall >= 0.9 @ 0.9999999999999", "between 0 and 1, of twelve digits at most, got 0.9999999999999 in"),
        ("recall >= 0.9999999999999", "between 0 and 1, of twelve digits"),
        ("recall@iou=2 >= 0.9", "between 0 and 1, of twelve digits at most, got 2 in"),
        ("precision >= 0.9", 'promised with a confidence: add one, as in "precision >= 0.9 @ 0.95"'),
        ("f >= 0.9", "promised with a confidence"),
        ("x" * 500, "x{50,57}"),
    ],
)
def test_what_is_no_promise_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(UsageError, match=sentence) as caught:
        read_promise(text)
    assert str(caught.value).startswith("--guarantee ")
    assert len(str(caught.value)) < 300
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "fewest"),
    [
        ("recall >= 0.9 @ 0.95", 29),  # 0.9^28 is above 0.05
        ("recall >= 0.9", 9),
        ("recall >= 0.95", 19),
        ("precision >= 0.9 @ 0.95", 49),  # an eighth of the doubt for each start
    ],
)
def test_so_few_pictures_can_bear_a_promise_and_no_fewer(text, fewest):
    promise = read_promise(text)
    assert promise.fewest == fewest
    if promise.confidence:
        assert promise.bound == pytest.approx(0.1)
        assert 0.9**fewest <= promise.doubt < 0.9 ** (fewest - 1)
        assert promise.doubt == pytest.approx(0.05 / (1 if promise.measure == "recall" else 8))
    assert math.isclose(promise.bound + promise.level, 1)
    refuse_too_few(promise, fewest)
    with pytest.raises(UsageError, match=rf"needs {fewest} pictures at least.* there are {fewest - 1}: give more"):
        refuse_too_few(promise, fewest - 1)
