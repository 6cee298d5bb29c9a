"""The first words of a comparison's report: who won, and whether seeds and pictures can tell."""

from itertools import permutations
from types import SimpleNamespace

import pytest

from metricfit.app.compare.verdict import verdict
from metricfit.app.tasks import TASKS


def said(values, pictures=200, task="saliency", key="max_f"):
    outcomes = {
        loss: [SimpleNamespace(figures=lambda _, one=one: {key: one}) for one in seeds]
        for loss, seeds in values.items()
    }
    rows = [SimpleNamespace(text=loss, dashed=False, outcomes=found) for loss, found in outcomes.items()]
    rows.append(SimpleNamespace(text="logits scaled", dashed=True, outcomes=[]))
    comparison = SimpleNamespace(tests=("photos",), examples={"photos": pictures})
    return verdict(comparison, rows, TASKS[task].presentation())


def test_seeds_that_do_not_overlap_tell_losses_apart():
    text = said({"cross_entropy": [0.80, 0.81, 0.82], "floss": [0.85, 0.84, 0.83], "log_floss": [0.86, 0.70, 0.84]})
    assert "On photos, 200 pictures: MaxF is 0.840 with floss, 0.810 with cross_entropy, 0.800 with log_floss." in text
    assert (
        "Each of its 3 models is better than each one of cross_entropy, which equal losses would show once in 10"
        in text
    )
    assert "The models of floss and log_floss overlap: these seeds do not tell them apart." in text
    assert not any(word in text for word in ("few", "decide", "scaled"))
    orders = set(permutations("aaabbb"))
    assert len(orders) / sum(order in (tuple("aaabbb"), tuple("bbbaaa")) for order in orders) == 10


@pytest.mark.parametrize(("seeds", "sentence"), [(1, "One seed decides nothing"), (2, "Two seeds decide nothing")])
def test_one_seed_and_few_pictures_decide_nothing(seeds, sentence):
    text = said({"floss": [0.9] * seeds, "cross_entropy": [0.5] * seeds}, pictures=20)
    assert all(told in text for told in (sentence, "--seeds 3", "20 pictures are few"))
    assert "Each of its" not in text


def test_smaller_is_better_where_the_catalogue_says_so(monkeypatch):
    monkeypatch.setattr(type(TASKS["saliency"].presentation()), "lead", ("mae",))
    text = said({"floss": [0.1, 0.11, 0.12], "cross_entropy": [0.2, 0.21, 0.22]}, key="mae")
    assert "MAE is 0.110 with floss, 0.210 with cross_entropy. Each of its 3 models" in text
