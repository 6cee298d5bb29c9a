"""A folder takes another one's place whole or not at all, also where the program is killed in between."""

import contextlib
import errno
import logging
import os
import signal
import subprocess
import sys

import pytest

from metricfit.trainers.errors import MetricfitError, UsageError
from metricfit.trainers.files import to_disk
from metricfit.trainers.locking import FolderLock
from metricfit.trainers.replacing import bring_back, is_there, replaced_folder

KILLED = """
import os, signal, sys
from metricfit.trainers import replacing

class Dying:
    replace_count = 0

    def __getattr__(self, name):
        return getattr(os, name)

    def replace(self, *paths):
        self.replace_count += 1
        if self.replace_count == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        os.replace(*paths)

replacing.os = Dying()
with replacing.replaced_folder(sys.argv[1]) as folder:
    (folder / "model").write_text("new")
"""


@pytest.fixture
def exported(tmp_path):
    """A folder that is there, with one of a like name beside it that is nobody's to remove."""
    (tmp_path / "red").mkdir()
    (tmp_path / "red/model").write_text("old")
    (tmp_path / ".red.settings/old").mkdir(parents=True)
    (tmp_path / ".red.abcdefgh").mkdir()
    (tmp_path / ".red.abcdefgh/mine").write_text("not ours")
    return tmp_path / "red"


def beside(exported):
    return sorted(path.name for path in exported.parent.iterdir())


def killed_at(exported, replace):
    done = subprocess.run([sys.executable, "-c", KILLED, str(exported), str(replace)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_folder_is_replaced_once_the_new_one_is_whole(exported, monkeypatch):
    synced = []
    monkeypatch.setattr("metricfit.trainers.files.to_disk", lambda path: synced.append(path.name) or to_disk(path))
    before = beside(exported)
    with replaced_folder(exported) as folder:
        (folder / "model").write_text("new")
        assert (exported / "model").read_text() == "old"
    assert (exported / "model").read_text() == "new"
    assert synced == ["model", "new"]
    with contextlib.suppress(ZeroDivisionError), replaced_folder(exported) as folder:
        (folder / "model").write_text("half")
        raise ZeroDivisionError
    assert (exported / "model").read_text() == "new"
    with replaced_folder(exported.with_name("blue")) as folder:
        (folder / "model").write_text("blue")
    assert beside(exported) == sorted([*before, "blue"])


def test_a_folder_that_cannot_be_moved_is_named(exported, monkeypatch):
    def busy(source, target):
        raise OSError(errno.EBUSY, "Device or resource busy", str(source))

    monkeypatch.setattr("metricfit.trainers.replacing.os.replace", busy)
    before = beside(exported)
    with (
        pytest.raises(MetricfitError, match=r"red cannot be replaced \(Device or resource busy\): choose a folder"),
        replaced_folder(exported) as folder,
    ):
        (folder / "model").write_text("new")
    assert (exported / "model").read_text() == "old"
    assert beside(exported) == before


def test_killed_between_both_renames_the_old_one_is_brought_back(exported, caplog):
    before = beside(exported)
    killed_at(exported, 2)
    assert not exported.exists()
    with caplog.at_level(logging.WARNING, logger="metricfit"):
        assert is_there(exported / "model"), "whoever looks for a file in it finds it, too"
    (said,) = (record.getMessage() for record in caplog.records)
    assert said.startswith(f"{exported} was being replaced when the program was killed: what it was before is back")
    assert (exported / "model").read_text() == "old"
    assert beside(exported) == before
    assert is_there(exported)
    assert not is_there(exported.with_name("blue"))


def test_what_a_killed_one_left_half_made_is_removed_by_the_next(exported):
    before = beside(exported)
    killed_at(exported, 1)
    assert len(beside(exported)) == len(before) + 1
    assert not bring_back(exported)
    with replaced_folder(exported) as folder:
        (folder / "model").write_text("newer")
    assert beside(exported) == before


def test_what_a_living_one_is_about_to_replace_is_left_to_it(exported):
    with replaced_folder(exported) as folder:
        os.replace(exported, folder.parent / "old")
        assert not bring_back(exported)
        with replaced_folder(exported.with_name("blue")):
            pass
        os.replace(folder.parent / "old", exported)
        (folder / "model").write_text("new")
    assert (exported / "model").read_text() == "new"


def test_where_it_cannot_be_moved_back_it_is_said_where_it_is(exported, monkeypatch):
    killed_at(exported, 2)

    def refused(self):
        raise MetricfitError("cannot write into it")

    monkeypatch.setattr(FolderLock, "acquire", refused)
    with pytest.raises(UsageError, match=r"lies in .*/old: move it back") as told:
        is_there(exported)
    assert "\n" not in str(told.value)
