"""What this machine has to compute with, and what its libraries say when they are loaded."""

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import tempfile
import threading
import types
from collections.abc import Iterator, Sequence
from pathlib import Path

from .errors import MetricfitError

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

_LEVEL, _SHOW_ALL = "TF_CPP_MIN_LOG_LEVEL", "0"

LEAST_ADDRESS_SPACE = 768 << 20
"""Bytes that NumPy, OpenCV and LiteRT fill with one small model."""
_OF_TENSORFLOW = 2048 << 20  # that TensorFlow fills once it has computed something


@contextlib.contextmanager
def showing_all() -> Iterator[None]:
    """Let TensorFlow's libraries say all they have to say meanwhile, in child processes, too."""
    before = os.environ.get(_LEVEL)
    os.environ[_LEVEL] = _SHOW_ALL
    try:
        yield
    finally:
        os.environ.pop(_LEVEL)
        os.environ |= {} if before is None else {_LEVEL: before}


def cores() -> int:
    """Cores that this process may use, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers() -> int:
    """How many pictures are read or prepared at once."""
    return min(16, cores())


def memory() -> int:
    """Bytes of memory that this process may use: the machine's, or the limit of its container."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")] if hasattr(os, "sysconf") else []
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # no such limit, or "max"
            limits.append(int(Path(place).read_text()))
    return min(limits, default=8 * 2**30)


def check_address_space(least: int, of: str) -> None:
    """Refuse to load libraries into fewer bytes of address space than they fill: they end the process without a word.

    Raises:
        MetricfitError: the limit that `ulimit -v` has set is below `least`; it says that this is the need `of` what.
    """
    allowed = resource.getrlimit(resource.RLIMIT_AS)[0] if resource is not None else -1
    if resource is not None and allowed != resource.RLIM_INFINITY and allowed < least:
        raise MetricfitError(
            f"{of} needs {least >> 20} MiB of address space at the least, 'ulimit -v' allows this process "
            f"{allowed >> 20}: raise that limit"
        )


@contextlib.contextmanager
def held_back_stderr() -> Iterator[None]:
    """Hold back what TensorFlow's libraries print to stderr about the machine; an unexpected error lets it out.

    Where several threads hold it back, the last to end lets go: each for itself would leave it with another's file.
    Nothing is held back where TF_CPP_MIN_LOG_LEVEL asks for everything.
    """
    if os.environ.get(_LEVEL) == _SHOW_ALL:
        yield
        return
    _holding.begin()
    try:
        yield
        if "tensorflow" in sys.modules:  # its first look for devices has something to say, too
            sys.modules["tensorflow"].config.list_physical_devices()
    except MetricfitError:
        _holding.end()
        raise
    except BaseException:
        _holding.end(shown=True)
        raise
    else:
        _holding.end()


def hold_back_tensorflow() -> None:
    """Hold back what TensorFlow prints when it is imported and looks for devices, whoever imports it from now on.

    Where it would find no room, its import raises a MetricfitError.
    """
    if "tensorflow" not in sys.modules and not any(isinstance(finder, _QuietTensorFlow) for finder in sys.meta_path):
        sys.meta_path.insert(0, _QuietTensorFlow())


class _QuietTensorFlow(importlib.abc.MetaPathFinder):
    """Finds TensorFlow as others would, once, and has it loaded quietly: no level of its log keeps these lines away."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != "tensorflow":
            return None
        check_address_space(_OF_TENSORFLOW, "TensorFlow")
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def quietly(module: types.ModuleType) -> None:
                with held_back_stderr():
                    execute(module)

            spec.loader.exec_module = quietly  # type: ignore[method-assign]
        return spec


class _Holding:
    """The process's one stderr while it goes into a file, and how many hold it."""

    def __init__(self) -> None:
        self._lock, self._holders = threading.Lock(), 0

    def begin(self) -> None:
        with self._lock:
            self._holders += 1
            if self._holders == 1:
                sys.stderr.flush()
                self._kept, self._held = os.dup(2), tempfile.TemporaryFile()  # noqa: SIM115
                os.dup2(self._held.fileno(), 2)

    def end(self, *, shown: bool = False) -> None:
        with self._lock:
            if shown:
                self._held.seek(0)
                os.write(self._kept, self._held.read())
            self._holders -= 1
            if self._holders == 0:
                os.dup2(self._kept, 2)
                os.close(self._kept)
                self._held.close()


_holding = _Holding()
