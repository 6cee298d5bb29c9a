"""One process at a time in a folder, whatever happens to it."""

import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from metricfit.trainers import locking
from metricfit.trainers.errors import MetricfitError, UsageError
from metricfit.trainers.locking import LOCK, FolderLock, holds_nothing, refuse_locked

HOLD = """
import sys, time
from metricfit.trainers.locking import FolderLock
with FolderLock(sys.argv[1]) as lock:
    sys.stdin.readline()
    try:
        lock.acquire()
    except Exception as error:
        print(type(error).__name__, flush=True)
    else:
        print("got it", flush=True)
        sys.stdin.readline()
"""


@pytest.fixture
def start(tmp_path):
    """Start processes that wait for a line, then take `tmp_path`/run and keep it until another line."""
    started = []

    def begin(count=1):
        for _ in range(count):
            words = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
            started.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started

    yield begin
    for process in started:
        process.kill()
        process.communicate()


def go_on(process):
    process.stdin.write("\n")
    process.stdin.flush()


def test_a_second_one_is_told_who_was_first(start, tmp_path):
    (process,) = start()
    go_on(process)
    assert process.stdout.readline() == "got it\n"
    told = rf"run is in use by process {process.pid} on {socket.gethostname()} since 20\d\d-.*: wait for it, end it"
    with pytest.raises(UsageError, match=told), FolderLock(tmp_path / "run") as lock:
        lock.acquire()
    with pytest.raises(UsageError, match=told):
        refuse_locked(tmp_path)
    go_on(process)
    process.wait()
    assert list((tmp_path / "run").iterdir()) == []


def test_the_system_frees_it_of_a_killed_process(start, tmp_path):
    (process,) = start()
    go_on(process)
    assert process.stdout.readline() == "got it\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert holds_nothing(tmp_path / "run")
    with FolderLock(tmp_path / "run") as lock:
        lock.acquire()
        lock.acquire()
        assert str(os.getpid()) in (tmp_path / "run" / LOCK).read_text()
    assert not (tmp_path / "run" / LOCK).exists()


def test_of_many_at_the_same_instant_one_wins(start):
    processes = start(4)
    for process in processes:
        go_on(process)
    assert sorted(process.stdout.readline() for process in processes) == ["UsageError\n"] * 3 + ["got it\n"]


def test_a_lock_that_its_holder_removed_meanwhile_is_none(tmp_path, monkeypatch):
    first, lock_file = FolderLock(tmp_path), locking._lock
    first.acquire()

    def late(file):
        first.__exit__()
        lock_file(file)

    with FolderLock(tmp_path) as second:
        monkeypatch.setattr(locking, "_lock", late)
        second.acquire()
        monkeypatch.undo()
        with pytest.raises(UsageError, match="in use"), FolderLock(tmp_path) as third:
            third.acquire()


def test_threads_are_kept_apart_too(tmp_path):
    told = []

    def work():
        with FolderLock(tmp_path) as lock:
            try:
                lock.acquire()
            except UsageError as error:
                told.append(str(error))

    with FolderLock(tmp_path) as lock:
        lock.acquire()
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(told) == 1


def test_a_file_system_without_locks_is_said_and_trusted(tmp_path, monkeypatch, caplog):
    def refuse(file):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locking, "_lock", refuse)
    monkeypatch.setattr(logging.getLogger("metricfit"), "propagate", True)
    with FolderLock(tmp_path) as lock:
        lock.acquire()
    assert "without locks (No locks available)" in caplog.text


def test_where_nothing_can_be_written_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*arguments, **more):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(locking.Path, "open", refuse)
    with (
        pytest.raises(MetricfitError, match=r"cannot write into .* \(Read-only file system\)"),
        FolderLock(tmp_path) as lock,
    ):
        lock.acquire()


def test_on_a_full_disk_the_folder_is_named(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(locking.json, "dumps", full)
    with (
        pytest.raises(MetricfitError, match=r"cannot write into .*run \(No space left on device\): check the folder"),
        FolderLock(tmp_path / "run") as lock,
    ):
        lock.acquire()
    assert list((tmp_path / "run").iterdir()) == []
