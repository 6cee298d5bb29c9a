"""What many annotation files say is kept: read again where a file has changed, and the same as if all were read."""

import json
import os

import numpy as np
import pytest

from metricfit.trainers.data import kept_arrays
from metricfit.trainers.data.paths import Paths
from metricfit.trainers.data.scan.scanner import scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.sources.boxes import labelme, voc, yolo
from metricfit.trainers.data.sources.boxes.annotation import Annotation, Annotations, nothing_written
from metricfit.trainers.errors import DataError

from ..test_million import held
from .trees import OBJECTS, picture, rows, shapes, write, xml


@pytest.fixture(autouse=True)
def kept_at_once(tmp_path, monkeypatch):
    """Keep what was read quickly, too, of files that have just been written, in a folder of their own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kept_arrays, "WORTH", -1.0)
    monkeypatch.setattr(kept_arrays, "MARGIN", 0)


READERS = {
    "voc": ("xml", xml, voc, "read_annotation"),
    "yolo": ("txt", rows, yolo, "read_rows"),
    "labelme": ("json", lambda stem: shapes(stem, f"{stem}.jpg"), labelme, "read_shapes"),
}
"""Kind -> ending and text of its files, and what reads them."""


def made(kind, root):
    ending, text, *_ = READERS[kind]
    for stem in OBJECTS:
        picture(root / f"{stem}.jpg", stem)
        write(root / f"{stem}.{ending}", text(stem))
    if kind == "yolo":
        write(root / "classes.txt", "cat\ndog\n")
    return f"{kind}:{root}"


def opened(text, kind, monkeypatch):
    """Open a source as a scan does; gives it, and the names of the files that were read."""
    _, _, module, name = READERS[kind]
    read, original = [], getattr(module, name)
    with monkeypatch.context() as patched, kept_arrays.keeping(True):
        patched.setattr(module, name, lambda path, **said: read.append(path.name) or original(path, **said))
        source = open_source(text, needs="boxes")
    return source, sorted(read)


def said_of(source):
    """Everything that a source says of its examples."""
    found = []
    for index in range(len(source)):
        try:
            example = source.load(index)
            found.append((example.name, example.boxes.tolist(), example.classes.tolist(), example.repairs))
        except DataError as error:
            found.append(str(error))
    return found, source.class_names, list(source.names), list(source.box_counts), list(source.doubts())


@pytest.mark.parametrize("kind", READERS)
def test_only_what_has_changed_is_read_again(kind, tmp_path, monkeypatch):
    text, ending = made(kind, tmp_path / "cells"), READERS[kind][0]
    first, read = opened(text, kind, monkeypatch)
    assert read == [f"{stem}.{ending}" for stem in OBJECTS]
    again, read = opened(text, kind, monkeypatch)
    assert (read, said_of(again)) == ([], said_of(first))
    file = tmp_path / f"cells/b.{ending}"
    file.write_text(READERS[kind][1]("b").replace("dog", "cat").replace("1 0.", "0 0."))
    os.utime(tmp_path / f"cells/d.{ending}", ns=(5, 5))
    (tmp_path / f"cells/a.{ending}").write_text('{"shapes": 3}')
    (tmp_path / f"cells/c.{ending}").rename(tmp_path / f"cells/e.{ending}")
    (tmp_path / "cells/c.jpg").rename(tmp_path / "cells/e.jpg")
    mended, read = opened(text, kind, monkeypatch)
    assert read == [f"{stem}.{ending}" for stem in "abde"]
    assert said_of(mended) == said_of(open_source(text, needs="boxes"))
    assert said_of(mended)[0][1:] != said_of(first)[0][1:]
    # A fault may pass, and is not kept.
    _, read = opened(text, kind, monkeypatch)
    assert read == [f"a.{ending}"]


def test_names_of_other_classes_are_another_reading(tmp_path, monkeypatch):
    text = made("yolo", tmp_path / "cells")
    opened(text, "yolo", monkeypatch)
    write(tmp_path / "cells/classes.txt", "bird\nfox\n")
    source, read = opened(text, "yolo", monkeypatch)
    assert (source.class_names, len(read)) == (("bird", "fox"), 4)


def test_a_file_of_all_pictures_that_has_changed_is_looked_at_with_all_of_them(tmp_path):
    box = '<box label="cat" xtl="{}" ytl="2" xbr="12" ybr="14"/>'
    image = f'<image id="0" name="a.jpg" width="40" height="32">{box}</image>'
    label = "<meta><task><labels><label><name>cat</name></label></labels></task></meta>"
    picture(tmp_path / "cells/a.jpg", "a")
    found = []
    for x in ("2", "60"):
        write(tmp_path / "cells/annotations.xml", f"<annotations>{label}{image.format(x)}</annotations>")
        with kept_arrays.keeping(True):
            found.append(scan(open_source(f"cvat:{tmp_path}/cells", needs="boxes"), needs="boxes", quiet=True).repaired)
    assert found[0] == {}
    assert found[1] == {"inverted box, corners swapped": 1, "box over the edge, cut there": 1}


def test_packed_annotations_are_those_that_were_given():
    """Every field, errors and sizes that no array holds, in any order and joined."""
    said = [
        Annotation("x", ("cat", "dog", "cat"), np.arange(12.0).reshape(3, 4), np.array([1, 0, 1], bool), (3, 10**30)),
        DataError("cannot be read"),
        nothing_written("y"),
        Annotation("z", ("dog",), np.ones((1, 4)), np.zeros(1, bool), (-1, 5), False, ("one", "two"), "z.jpg"),
    ]  # fmt: skip
    files = Paths.of(map(Paths.within("data", ["x", "e", "y", "z"]).__getitem__, range(4)))
    packed = Annotations.of(files, iter(said))
    other = Annotations.of(files.take(np.array([3, 0])), iter([said[3], said[0]]))
    order = np.array([5, 1, 4, 0, 2])
    both = Annotations.joined(packed, other).take(order)
    for number, meant in enumerate([said[0], said[1], said[3], said[0], said[2]]):
        one = both[number]
        if isinstance(meant, DataError):
            assert str(one) == str(meant)
            continue
        assert (one.names, one.size, one.shares, one.repairs) == (meant.names, meant.size, meant.shares, meant.repairs)
        assert one.picture == meant.picture
        assert one.file.name == str(meant.file)
        np.testing.assert_array_equal(one.boxes, meant.boxes)
        np.testing.assert_array_equal(one.difficult, meant.difficult)
    assert both.names_used() == ["cat", "dog"]
    assert both.counts.tolist() == [3, 0, 1, 3, 0]
    assert len(both.in_shares()) == 0
    assert both.in_pixels()[1].tolist() == [[3, 2**62]] * 3 + [[-1, 5]] + [[3, 2**62]] * 3


@pytest.mark.parametrize("kind", READERS)
def test_a_picture_takes_some_hundred_bytes_and_no_object(kind, tmp_path):
    text, root = made(kind, tmp_path / "cells"), tmp_path / "cells"
    ending = READERS[kind][0]
    for number in range(200):
        os.link(root / "a.jpg", root / f"p{number:05d}.jpg")
        content = READERS[kind][1]("a")
        (root / f"p{number:05d}.{ending}").write_text(content.replace("a.jpg", f"p{number:05d}.jpg"))
    source, size, objects = held(lambda: open_source(text, needs="boxes"))
    assert len(source) == 204
    assert size < 400 * 204 + 50_000
    assert objects < 50
    assert json.dumps(source.load(50).boxes.tolist()) == json.dumps(source.load(0).boxes.tolist())
