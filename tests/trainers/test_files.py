"""Files are whole or absent, whatever happens while they are written."""

import json
import os
import threading

import pytest

from metricfit.trainers import files
from metricfit.trainers.errors import MetricfitError
from metricfit.trainers.files import folder_beside, write_json, write_text, written_beside


def test_a_file_appears_whole_in_a_folder_that_is_made(tmp_path):
    path = tmp_path / "new" / "folder" / "map.png"
    with written_beside(path) as beside:
        assert beside.suffix == ".png", "writers choose the format by it"
        assert beside.name.startswith("."), "nobody takes it for a picture"
        beside.write_bytes(b"half")
        assert not path.exists()
        beside.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert os.listdir(path.parent) == ["map.png"]


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write_text(tmp_path / "a.txt", "old")
    with pytest.raises(ZeroDivisionError), written_beside(path) as beside:  # noqa: PT012
        beside.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_reader_never_sees_half_a_file(tmp_path):
    path = write_text(tmp_path / "a.txt", "0" * 10_000_000)
    seen, stop = set(), threading.Event()

    def read():
        while not stop.is_set():
            seen.add(path.stat().st_size)

    reader = threading.Thread(target=read)
    reader.start()
    before = path.stat().st_ino
    for digit in "123":
        write_text(path, digit * 10_000_000)
    stop.set()
    reader.join()
    assert seen == {10_000_000}
    assert path.stat().st_ino != before, "renamed into place, not written over"


def test_a_place_that_takes_no_file_is_one_sentence(tmp_path):
    below_a_file = write_text(tmp_path / "file", "x") / "a.txt"
    with pytest.raises(MetricfitError, match=r"cannot write .*a\.txt \(.*\): check the folder"):
        write_text(below_a_file, "y")


def test_json_is_for_people_too(tmp_path):
    path = write_json(tmp_path / "a.json", {"name": "Lovász", "parts": [1, 2.5, None]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "Lovász", "parts": [1, 2.5, None]}
    assert "Lovász" in path.read_text(encoding="utf-8")
    assert path.read_text(encoding="utf-8").endswith("\n}\n")


def test_what_is_renamed_is_on_the_disk_before_and_its_folder_after(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(files.os, "fsync", lambda number: done.append(os.readlink(f"/proc/self/fd/{number}")))
    replace = os.replace
    monkeypatch.setattr(files.os, "replace", lambda *names: (done.append("rename"), replace(*names)))
    path = write_text(tmp_path / "a.txt", "x")
    assert done == [f"{tmp_path}/.{os.getpid()}.a.txt", "rename", str(tmp_path)]
    done.clear()
    with folder_beside(tmp_path / "set") as beside:
        write_text(beside / "below/b.txt", "y")
        done.clear()
    renamed = str(tmp_path / f".{os.getpid()}.set")
    assert set(done) == {renamed, f"{renamed}/below", f"{renamed}/below/b.txt", str(tmp_path)}
    assert done[-1] == str(tmp_path)
    assert path.read_text() == "x"
