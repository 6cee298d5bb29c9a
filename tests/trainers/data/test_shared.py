"""Examples that stand in two sources, and what a training says of them."""

import logging

import numpy as np
import pytest

from metricfit.trainers.data.example import Example, Source, View
from metricfit.trainers.data.shared import shared_examples
from metricfit.trainers.data.sources.joined import JoinedSource
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import SaliencyConfig


class Numbered(Source):
    """Pictures by number; `shade` tells those of one source from those of another."""

    name, class_names = "numbered", ()

    def __init__(self, numbers, shade=0):
        self.numbers, self.shade = list(numbers), shade
        self.names = [f"{number:04d}" for number in self.numbers]

    def __len__(self):
        return len(self.numbers)

    def load(self, index):
        return Example(np.full((4, 4, 3), self.shade + self.numbers[index] % 50, np.uint8), name=self.names[index])


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (Numbered(range(10, 20)), 0),
        (Numbered(range(5, 15)), 5),
        (Numbered(range(10)), 10),
        (Numbered(range(10), shade=60), 0),
        (Numbered([]), 0),
    ],
)
def test_equal_pictures_of_equal_names_are_found(other, expected):
    found = shared_examples(Numbered(range(10)), other)
    assert found == other.names[:expected]


class Seen(View):
    """A source as it is."""

    def load(self, index):
        return self.source.load(index)


def test_parts_of_joined_sources_are_compared_by_their_own_names():
    many, few = Numbered(range(1000), shade=60), Numbered(range(995, 1005))
    few.name = "few"
    joined = JoinedSource([many, few], ())
    assert joined.names[0] != many.names[0]
    for training in (joined, Subset(joined, range(1, 1010)), Seen(joined)):
        assert shared_examples(training, few) == few.names, "also those that another part names alike"
        assert shared_examples(training, Numbered(range(1000, 1010))) == [f"{number}" for number in range(1000, 1005)]
    again = JoinedSource([Numbered([3]), few], ())
    assert shared_examples(joined, again) == [f"few/{name}" for name in few.names]
    assert shared_examples(few, again) == [f"few/{name}" for name in few.names]


def test_of_many_some_are_compared(monkeypatch):
    training, looked_at = Numbered(range(1000)), []
    monkeypatch.setattr(Numbered, "load", lambda self, index: looked_at.append(index) or Example(np.zeros((1, 1, 3))))
    assert len(shared_examples(training, Subset(training, range(0, 1000, 2)))) == 500
    assert len(looked_at) == 100


def test_a_selection_that_trains_is_told_of(monkeypatch):
    saliency, told = get_task("saliency"), []
    sources = {"a": Numbered(range(10)), "b": Numbered(range(7, 12))}
    monkeypatch.setattr(saliency, "open_source", lambda text, *_: sources[text])
    monkeypatch.setattr(logging.getLogger("metricfit"), "warning", lambda text, *values: told.append(text % values))
    saliency.open_sources(SaliencyConfig(data="a", val="b"))
    saliency.open_sources(SaliencyConfig(data="a", val="a"))
    assert [sentence.partition(":")[0] for sentence in told] == [
        "3 of the 5 examples of --val are training data, too (0007, 0008, 0009)",
        "10 of the 10 examples of --val are training data, too (0000, 0001, 0002, ...)",
    ]
