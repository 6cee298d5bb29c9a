"""Scans that are kept: the same in every word, without a look at files that have not changed, and never of others."""

import json
import logging
import multiprocessing
import os
import random
import time

import numpy as np
import pytest
from PIL import Image

from metricfit.app.datasets import look
from metricfit.app.options import DataCheckOptions
from metricfit.trainers.data import kept_arrays
from metricfit.trainers.data.labels import LabelCoding, class_counts, with_coding
from metricfit.trainers.data.pixel_files.coding import FileCoding
from metricfit.trainers.data.pixel_files.masks import MaskReader
from metricfit.trainers.data.scan.description import NotPlain, described
from metricfit.trainers.data.scan.scanner import checked_source, scan
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.training.config import SaliencyConfig
from metricfit.trainers.training.config_files import NOT_PART_OF_A_RUN, to_dict

from .test_coco_source import annotation, image, write
from .test_folder import write_pairs
from .test_voc import write as write_voc

STEMS = [f"picture{number:02d}" for number in range(12)]


@pytest.fixture(autouse=True)
def kept_at_once(tmp_path, monkeypatch):
    """Keep quick scans, too, of files that have just been written, in a folder of their own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(kept_arrays, "WORTH", -1.0)
    monkeypatch.setattr(kept_arrays, "MARGIN", 0)
    return tmp_path / "cache/metricfit/scans"


@pytest.fixture
def photos(tmp_path):
    write_pairs(tmp_path / "photos", STEMS)
    (tmp_path / "photos/masks/picture03.png").write_bytes(b"nonsense")
    Image.new("RGB", (32, 24)).save(tmp_path / "photos/images/picture05.png")
    return tmp_path / "photos"


def looked_at(text, needs="mask", coded=None, **more):
    """Scan; gives what was found and the names of the examples that were loaded."""
    with kept_arrays.keeping(True):
        source = open_source(text, needs=needs, **more)
        source = with_coding(source, coded) if coded else source
        names, load = [], source.load
        source.load = lambda index: names.append(source.names[index]) or load(index)
        return scan(source, needs=needs, quiet=True), sorted(names), source


def same(one, other):
    for name in ("faults", "repaired", "repaired_in", "adapted", "odd", "doubts", "class_names", "remarks", "total"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.report(None, None) == other.report(None, None)
    assert list(one.odd) == list(other.odd)
    assert list(one.repaired_in) == list(other.repaired_in)


def test_a_second_scan_says_the_same_and_looks_at_faults_alone(photos, caplog):
    caplog.set_level(logging.INFO, "metricfit")
    first, names, _ = looked_at(f"folder:{photos}")
    assert names == STEMS
    second, names, _ = looked_at(f"folder:{photos}")
    assert names == ["picture03"]
    same(first, second)
    assert first.odd
    assert "11 examples not changed since an earlier scan" in caplog.text


def written_again(path):
    """Write other bytes of the same length into a file, and give it the times that it had."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[-20] ^= 255
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(path):
    path.with_name("other").write_bytes(path.read_bytes())
    path.with_name("other").replace(path)


@pytest.mark.parametrize("change", [written_again, replaced, lambda path: os.utime(path, (1, 1))])
@pytest.mark.parametrize("place", ["images", "masks"])
def test_what_has_changed_is_looked_at(photos, change, place):
    looked_at(f"folder:{photos}")
    change(photos / place / "picture07.png")
    found, names, _ = looked_at(f"folder:{photos}")
    assert names == ["picture03", "picture07"]
    assert found.report() == scan(open_source(f"folder:{photos}"), needs="mask", quiet=True).report()


def test_what_came_and_what_went(photos):
    looked_at(f"folder:{photos}")
    for place in ("images", "masks"):
        (photos / place / "picture00.png").unlink()
        (photos / place / "zebra.png").write_bytes((photos / place / "picture01.png").read_bytes())
        (photos / place / "picture11.png").rename(photos / place / "ant.png")
    found, names, _ = looked_at(f"folder:{photos}")
    assert names == ["ant", "picture03", "zebra"]
    same(found, scan(open_source(f"folder:{photos}"), needs="mask", quiet=True))


def test_a_picture_of_another_ending_is_another_one(photos):
    looked_at(f"folder:{photos}")
    (photos / "images/picture02.png").rename(photos / "images/picture02.bmp")
    assert looked_at(f"folder:{photos}")[1] == ["picture02", "picture03"]


def test_files_as_young_as_the_clock_is_coarse_are_not_known(photos, monkeypatch):
    monkeypatch.setattr(kept_arrays, "MARGIN", 60 * 10**9)
    looked_at(f"folder:{photos}")
    assert looked_at(f"folder:{photos}")[1] == STEMS
    monkeypatch.setattr(kept_arrays, "MARGIN", 0)
    assert looked_at(f"folder:{photos}")[1] == STEMS, "none of them may have been kept"


def test_files_that_change_after_the_source_was_opened_are_not_known(photos):
    source = open_source(f"folder:{photos}")
    time.sleep(0.02)  # the clock of file systems has steps of up to 10 ms
    os.utime(photos / "images/picture01.png")
    with kept_arrays.keeping(True):
        scan(source, needs="mask", quiet=True)
    assert looked_at(f"folder:{photos}")[1] == ["picture01", "picture03"]


@pytest.mark.parametrize("other", [{"files": FileCoding(threshold=0.5)}, {"files": FileCoding(resize=True)}])
def test_read_otherwise_all_are_looked_at(photos, other):
    looked_at(f"folder:{photos}")
    assert looked_at(f"folder:{photos}", **other)[1] == STEMS
    assert looked_at(f"folder:{photos}", **other)[1] == ["picture03"]


def test_another_program_looks_at_all(photos, monkeypatch):
    looked_at(f"folder:{photos}")
    monkeypatch.setattr(kept_arrays, "_program", lambda: ["another"])
    assert looked_at(f"folder:{photos}")[1] == STEMS


def damaged(content, kind):
    draw = random.Random(kind)
    if kind < 20:
        place = draw.randrange(len(content))
        return content[:place] + bytes([content[place] ^ (1 << draw.randrange(8))]) + content[place + 1 :]
    return [b"", b"nonsense", content[: len(content) // 2], content[: len(content) - 1], content[100:]][kind - 20]


def test_damaged_files_are_as_none(photos, kept_at_once):
    first, _, _ = looked_at(f"folder:{photos}")
    (file,) = kept_at_once.iterdir()
    content = file.read_bytes()
    for kind in range(25):
        file.write_bytes(damaged(content, kind))
        found, names, _ = looked_at(f"folder:{photos}")
        assert names == STEMS
        same(first, found)


def test_a_folder_in_which_nothing_can_be_written(photos, tmp_path, caplog):
    caplog.set_level(logging.INFO, "metricfit")
    (tmp_path / "cache").write_text("a file")
    first, _, _ = looked_at(f"folder:{photos}")
    same(first, looked_at(f"folder:{photos}")[0])
    assert "nothing is kept" in caplog.text


def test_what_a_scan_saw_before_it_was_ended_is_kept(photos):
    source = open_source(f"folder:{photos}")
    load = source.load

    def ended(index):
        if index == 9:
            raise KeyboardInterrupt
        return load(index)

    source.load = ended
    with pytest.raises(KeyboardInterrupt), kept_arrays.keeping(True):
        scan(source, needs="mask", quiet=True)
    assert looked_at(f"folder:{photos}")[1] == ["picture03", "picture08", "picture09", "picture10", "picture11"]


def test_the_oldest_go_where_there_are_too_many(photos, kept_at_once, monkeypatch):
    kept_at_once.mkdir(parents=True)
    for number in range(3):
        (kept_at_once / f"{number}.npz").write_bytes(bytes(4000))
        os.utime(kept_at_once / f"{number}.npz", (1000 + number, 1000 + number))
    (kept_at_once / ".12.half.npz").touch()
    os.utime(kept_at_once / ".12.half.npz", (1000, 1000))
    monkeypatch.setattr(kept_arrays, "LIMIT", 9000)
    looked_at(f"folder:{photos}")
    assert not (kept_at_once / ".12.half.npz").exists()
    assert [number for number in range(3) if (kept_at_once / f"{number}.npz").exists()] in ([1, 2], [2])
    assert len(list(kept_at_once.iterdir())) == 1 + len([path for path in kept_at_once.iterdir() if path.stem in "012"])


def _scan_again_and_again(text, queue):
    reports = {looked_at(text)[0].report() for _ in range(8)}
    queue.put(reports)


def test_two_processes_share_it(photos):
    queue = multiprocessing.get_context("fork").Queue()
    ones = [
        multiprocessing.get_context("fork").Process(target=_scan_again_and_again, args=(f"folder:{photos}", queue))
        for _ in range(2)
    ]
    for one in ones:
        one.start()
    reports = queue.get(timeout=60) | queue.get(timeout=60)
    for one in ones:
        one.join(60)
    assert reports == {scan(open_source(f"folder:{photos}"), needs="mask", quiet=True).report()}
    assert looked_at(f"folder:{photos}")[1] == ["picture03"]


def test_class_maps_know_their_pixels_and_values(tmp_path):
    write_pairs(tmp_path, STEMS, "labels", value=1)
    first, _, opened = looked_at(f"folder:{tmp_path}", "labels", coded := _coding(tmp_path))
    second, names, again = looked_at(f"folder:{tmp_path}", "labels", coded)
    assert names == []
    same(first, second)
    np.testing.assert_array_equal(class_counts(again), class_counts(opened))
    assert class_counts(again).sum() == 12 * 24 * 32
    assert names == []


def _coding(folder, *names):
    (folder / "names.txt").write_text("\n".join(names or ("sky", "road", "car")))
    return LabelCoding(str(folder / "names.txt"))


def test_doubts_about_all_class_maps_stay(tmp_path):
    write_pairs(tmp_path, STEMS, "labels", value=255)
    coded = _coding(tmp_path, "sky", "road")
    first, _, _ = looked_at(f"folder:{tmp_path}", "labels", coded)
    second, names, _ = looked_at(f"folder:{tmp_path}", "labels", coded)
    assert names == []
    assert first.doubts
    assert first.doubts == second.doubts


def test_boxes_of_coco_and_doubts_about_all_of_them(tmp_path):
    images = [{"id": number, "file_name": f"{number}.jpg"} for number in range(6)]
    boxes = [annotation(number, number, 3, [10, 10, 30, 22]) for number in range(6)]
    text = write(tmp_path, images, boxes)
    first, _, _ = looked_at(text, "boxes")
    second, names, _ = looked_at(text, "boxes")
    assert names == []
    assert first.doubts, "only the sizes of the pictures show these to be corners"
    same(first, second)
    content = json.loads((tmp_path / "instances.json").read_text())
    content["annotations"].append(annotation(9, 0, 9, [1, 1, 3, 3]))
    (tmp_path / "instances.json").write_text(json.dumps(content))
    third, names, _ = looked_at(text, "boxes")
    assert len(names) == 6
    assert third.facts["boxes"].classes.total() == 7


def test_several_sources_together(tmp_path, photos):
    images = [image(number, f"{number}.jpg") for number in range(3)]
    one = write(tmp_path / "coco", images, [annotation(1, 1, 3, [1, 1, 4, 4])])
    for stem in "ab":
        write_voc(tmp_path / "voc", stem, ("cat", 2, 2, 9, 9))
    first, names, _ = looked_at(f"{one} + voc:{tmp_path / 'voc'}", "boxes")
    assert len(names) == 5
    second, names, _ = looked_at(f"{one} + voc:{tmp_path / 'voc'}", "boxes")
    assert names == []
    same(first, second)
    os.utime(tmp_path / "voc/Annotations/b.xml")
    assert len(looked_at(f"{one} + voc:{tmp_path / 'voc'}", "boxes")[1]) == 1


def test_no_scan_cache_reads_and_keeps_nothing(photos, kept_at_once, monkeypatch):
    checked_source(f"folder:{photos}", skip_bad=True, quiet=True, cache=False)
    assert not kept_at_once.exists()
    with pytest.raises(Exception, match="1 fault"):
        look.check(DataCheckOptions(source=f"folder:{photos}", quiet=True, scan_cache=False))
    assert not kept_at_once.exists()
    with pytest.raises(Exception, match="1 fault"):
        look.check(DataCheckOptions(source=f"folder:{photos}", quiet=True))
    assert kept_at_once.exists()


def test_a_run_is_the_same_with_and_without():
    assert "scan_cache" in NOT_PART_OF_A_RUN
    assert to_dict(SaliencyConfig(scan_cache=False)) == to_dict(SaliencyConfig())


def test_quick_scans_are_not_kept(photos, kept_at_once, monkeypatch):
    monkeypatch.setattr(kept_arrays, "WORTH", 60.0)
    looked_at(f"folder:{photos}")
    assert not kept_at_once.exists()


def test_what_decides_is_described_whole():
    reader = MaskReader(FileCoding(threshold=0.5))
    assert described(reader) == described(MaskReader(FileCoding(threshold=0.5)))
    assert described(reader) != described(MaskReader(FileCoding(threshold=0.4)))
    assert described(reader) != described(MaskReader(FileCoding(threshold=0.5), trimap=True))
    assert described({"a": np.arange(3)}) != described({"a": np.arange(4)})
    for unknown in (lambda: None, object(), [open]):
        with pytest.raises(NotPlain):
            described(unknown)
