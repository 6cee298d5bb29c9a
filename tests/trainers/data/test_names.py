"""Packed names, paths and rows are what lists of them are."""

import os
import random
from pathlib import Path

import numpy as np
import pytest

from metricfit.trainers.data.names import Names, chosen, packed
from metricfit.trainers.data.paths import Paths, ending, files_called, stem
from metricfit.trainers.data.ragged import Ragged
from metricfit.trainers.data.sources.grouped import Grouped

TEXTS = ["a", "", "é", "e\u0301", "日本.jpg", os.fsdecode(b"bad\xff.png"), "x" * 300, "\x00", "a"]


def drawn(count, seed=0):
    rng = random.Random(seed)
    return [rng.choice(TEXTS) + str(rng.randrange(99)) for _ in range(count)]


@pytest.mark.parametrize(
    "texts", [[], [""], ["a.jpg", ".a", "a.", "a.b.c", "..", ".", "", "a..b", ".a.b", "ab", "x.Y"]]
)
def test_stems_of_all_are_those_of_each(texts):
    assert Names(texts).stems() == list(map(stem, texts))
    assert Names([*texts, "é.jpg"]).stems() is None


@pytest.mark.parametrize("texts", [[], [""], TEXTS, drawn(9000)])
def test_names_are_a_sequence_of_texts(texts):
    names = Names(texts)
    assert names == texts
    assert texts == names
    assert list(names) == texts
    assert [names[index] for index in range(-len(texts), len(texts))] == texts + texts
    assert names == Names(iter(texts))
    assert list(names[1:-1:2]) == texts[1:-1:2]
    assert names != [*texts, "more"]
    if texts:
        indices = np.random.default_rng(1).integers(0, len(texts), 20_000)
        assert list(names.take(indices)) == list(chosen(texts, indices)) == [texts[index] for index in indices]
        assert names.digest() != Names([*texts[:-1], texts[-1] + "?"]).digest()
        assert texts[-1] in names
    assert names.digest() == Names(texts).digest()
    assert packed(names) is names
    with pytest.raises(IndexError):
        names[len(texts)]


def test_the_digest_knows_where_a_name_ends():
    assert Names(["ab", "c"]).digest() != Names(["a", "bc"]).digest()
    assert Names(["ab", "c"]) != Names(["a", "bc"])


def test_rows_of_numbers():
    rng = np.random.default_rng(0)
    lists = [rng.integers(-9, 9, length).tolist() for length in rng.integers(0, 5, 70_000)]
    rows = Ragged.of(lists)
    assert [rows[index].tolist() for index in range(0, 70_000, 999)] == lists[::999]
    taken = rng.integers(0, 70_000, 140_000)
    some = rows.take(taken)
    assert [some[index].tolist() for index in range(0, 140_000, 777)] == [lists[index] for index in taken[::777]]
    assert some.lengths.sum() == len(some.values)
    both = Ragged.joined([rows, some])
    assert both[70_000 + 5].tolist() == lists[taken[5]]


def test_paths_are_those_of_pathlib(tmp_path):
    names = ["a.jpg", "b.JPG", ".hidden.jpg", "c.", "d.tar.gz", "noending", "é.jpg"]
    for name in names:
        assert (stem(name), ending(name)) == (Path(name).stem, Path(name).suffix.lower())
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "link.jpg").symlink_to(tmp_path / "a.jpg")
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "nothing")
    (tmp_path / "circle.jpg").symlink_to(tmp_path / "circle.jpg")
    found = files_called(tmp_path, (".jpg",))
    assert found == sorted(tmp_path / name for name in ("a.jpg", "b.JPG", "é.jpg", "link.jpg"))
    assert list(found.stems()) == [path.stem for path in found]
    many = [tmp_path / "x" / "1.png", tmp_path / "2.png", Path("3.png"), tmp_path / "x" / "4.png"]
    assert Paths.of(many) == many
    assert Paths.of(many)[1:] == many[1:]
    assert Paths.joined([Paths.of(many), found, Paths.of([])]) == [*many, *found]
    assert [Paths.of(many).text(index) for index in range(4)] == list(map(str, many))
    assert Paths.of(many).parents() == sorted({path.parent for path in many})


def test_groups_are_those_of_a_dict():
    paths = [Path(f"f{index % 3}") / f"{index * 7 % 50}.png" for index in range(200)]
    grouped = Grouped(Paths.of(paths), (path.stem for path in paths))
    expected = {}
    for path in paths:
        expected.setdefault(path.stem, []).append(path)
    assert list(grouped) == list(expected) == list(grouped.names)
    assert all(grouped[key] == found for key, found in expected.items())
    assert Grouped.of(expected).paths == grouped.paths
    assert "nothing" not in grouped
