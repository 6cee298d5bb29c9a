"""Tiles of a picture: by hand, and that small objects lie in one as a whole."""

import numpy as np
import pytest

from metricfit.trainers.errors import UsageError
from metricfit.trainers.judge.tiles import Tiling, Window, tiling_of


def test_two_tiles_along_the_longer_side_by_hand():
    """100 pixels in two tiles of 56 that share 12, which is 0.2 of 60, cut up to whole pixels."""
    assert Tiling(2, 0.2).windows((60, 100), 64) == [
        Window(0, 56, 0, 56), Window(0, 56, 44, 100), Window(4, 60, 0, 56), Window(4, 60, 44, 100)
    ]  # fmt: skip
    assert Tiling(2, 0.2).windows((50, 100), 64) == [Window(0, 50, 0, 56), Window(0, 50, 44, 100)]
    assert Tiling(2, 0.0).windows((100, 50), 64) == [Window(0, 50, 0, 50), Window(50, 100, 0, 50)]


def test_auto_shows_a_picture_at_its_own_size():
    assert Tiling().windows((300, 384), 384) == []
    assert {window.size for window in Tiling().windows((300, 385), 384)} == {(214, 214)}
    windows = Tiling().windows((600, 800), 384)
    assert (len(windows), {window.size for window in windows}) == (9, {(308, 308)}), "two rows would share 16 pixels"
    assert Tiling(2).windows((1, 1), 64) == [], "nothing is left to be cut"


def test_tiles_have_the_shape_of_the_input():
    assert Tiling().windows((256, 448), (256, 448)) == []
    assert Tiling(2, 0.0).windows((1080, 1920), (256, 448)) == [
        Window(top, top + 549, left, left + 960) for top in (0, 531) for left in (0, 960)
    ]
    # Twice as high as the input, and as wide as it.
    assert Tiling("auto", 0.0).windows((512, 448), (256, 448)) == [Window(0, 256, 0, 448), Window(256, 512, 0, 448)]


@pytest.mark.parametrize("seed", range(40))
def test_tiles_cover_a_picture_and_what_is_no_larger_than_the_overlap_lies_in_one(seed):
    rng = np.random.default_rng(seed)
    size, overlap = tuple(rng.integers(20, 700, 2).tolist()), float(rng.uniform(0, 0.6))
    tiling, side = Tiling(int(rng.integers(2, 9)) if seed % 2 else "auto", overlap), 64
    windows = tiling.windows(size, side)
    if not windows:
        assert tiling.along == "auto"
        assert max(size) <= side
        return
    lengths = {length for window in windows for length in window.size}
    longest = max(lengths)
    assert lengths <= {longest, *size}
    if tiling.along == "auto":
        assert longest <= side
    else:
        columns = len({(window.top, window.left)[int(np.argmax(size))] for window in windows})
        assert columns == tiling.along or size[0] == size[1]
    small = max(1, int(overlap * longest) - 1)
    for _ in range(50):
        y, x = (int(rng.integers(0, max(1, whole - small + 1))) for whole in size)
        bottom, right = min(y + small, size[0]), min(x + small, size[1])
        assert any(one.top <= y and bottom <= one.bottom and one.left <= x and right <= one.right for one in windows), (
            windows,
            y,
            x,
            small,
        )


def test_a_box_is_cut_by_inner_edges_alone():
    window = Window(0, 100, 50, 150)  # of a picture of 100 x 300: there is more on both sides of it
    boxes = np.array([
        [60, 0, 90, 100], [50, 10, 90, 20], [51.5, 10, 90, 20], [100, 10, 150, 20], [100, 10, 149.2, 20]
    ])  # fmt: skip
    assert window.cuts(boxes, (100, 300)).tolist() == [False, True, False, True, True]
    assert window.cuts(boxes, (200, 300)).tolist() == [True, True, False, True, True]
    assert Window(0, 100, 0, 300).cuts(boxes, (100, 300)).tolist() == [False] * 5


def test_what_the_flags_say():
    assert tiling_of(None, None) is None
    assert tiling_of("auto", None) == Tiling()
    assert tiling_of("3", 0.5) == Tiling(3, 0.5)
    for text, overlap, sentence in (
        ("1", None, "--tiles must be auto or a number from 2 to 64, got 1"),
        ("many", None, "--tiles must be auto or a number from 2 to 64, got many"),
        ("2", 0.95, "--tile-overlap must be from 0 to 0.9, got 0.95"),
        ("2", float("nan"), "--tile-overlap must be from 0 to 0.9, got nan"),
        (None, 0.5, "--tile-overlap is of tiles"),
    ):
        with pytest.raises(UsageError, match=sentence):
            tiling_of(text, overlap)
