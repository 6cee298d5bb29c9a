"""Ranges that cover all pictures once, begin where batches do, and tell whether a worker has the same data."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metricfit.app.beam.parts import LARGEST, Places
from metricfit.trainers.errors import DataError


class Names:
    """Names that nobody could hold in memory."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        assert 0 <= index < self.count
        return f"{index}.jpg"


@settings(deadline=None)
@given(count=st.integers(1, 5000), batch_size=st.integers(1, 40))
def test_parts_cover_all_and_begin_with_a_batch(count, batch_size):
    places = Places.of(Names(count), batch_size)
    parts = list(places.parts())
    assert [place for start, stop in parts for place in range(start, stop)] == list(range(count))
    assert all(start % batch_size == 0 for start, _ in parts)
    assert places.size < LARGEST + batch_size
    assert len(parts) <= 64


def test_of_very_many_pictures_no_list_is_made():
    places = Places.of(Names(10**8), 16)
    assert places.size == LARGEST
    assert sum(1 for _ in places.parts()) == 97657


def test_other_pictures_on_a_worker_are_refused():
    places = Places.of(["a", "b", "c"])
    places.check(["a", "b", "c"], "folder:x")
    for others in (["a", "b"], ["a", "c", "b"], ["a", "b", "d"], ["ab", "", "c"]):
        with pytest.raises(DataError, match=r"folder:x is not the same on a worker: expected the 3 pictures"):
            places.check(others, "folder:x")
    Places.of(["\udcff"]).check(["\udcff"], "names that are no text")
