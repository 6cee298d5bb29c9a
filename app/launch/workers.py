"""The processes of a cluster: started together, heard line by line, ended together."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

LOOKED_AT_SECONDS = 0.2


class Workers:
    """Processes of one command that end together: one that fails leaves the others waiting for it.

    The first one writes to this process' own output; what the others say has their number before it. Signals of a
    terminal reach this process alone, which passes them on.

    Args:
        command: of each.
        environments: of each, beside that of this process.
    """

    def __init__(self, command: Sequence[str], environments: Sequence[Mapping[str, str]]) -> None:
        self._processes: list[subprocess.Popen[str]] = []
        self._listeners: list[threading.Thread] = []
        try:
            for index, environment in enumerate(environments):
                self._start(command, index, environment)
        except BaseException:  # such as Ctrl-C, or no room for a further process: nobody else knows of the first ones
            self.end(signal.SIGKILL, 0.0)
            raise

    def _start(self, command: Sequence[str], index: int, environment: Mapping[str, str]) -> None:
        own = None if index == 0 else subprocess.PIPE
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=own, stderr=subprocess.STDOUT if own else None,
            text=True, encoding="utf-8", errors="replace",
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
        )  # fmt: skip
        self._processes.append(process)
        if process.stdout:
            listener = threading.Thread(target=_pass_on, args=(process.stdout, index), daemon=True)
            listener.start()
            self._listeners.append(listener)

    @property
    def pids(self) -> list[int]:
        """The processes, by the workers' numbers."""
        return [process.pid for process in self._processes]

    def wait(self) -> list[int | None]:
        """Wait until all have ended well or one has failed; gives the exit codes so far, None of who is running."""
        while True:
            codes = [process.poll() for process in self._processes]
            if None not in codes or any(codes):
                return codes
            time.sleep(LOOKED_AT_SECONDS)

    def end(self, number: int, seconds: float) -> list[int]:
        """Send all a signal, kill who is there after so many seconds, and give the exit codes."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)
        until = time.monotonic() + seconds
        try:
            for process in self._processes:
                process.wait(max(0.0, until - time.monotonic()))
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            for process in self._processes:
                process.kill()
        codes = [process.wait() for process in self._processes]
        for listener in self._listeners:
            listener.join(1.0)
        return codes


def _pass_on(lines: IO[str], index: int) -> None:
    """Write what a worker says, each line whole and with its number; read on where nobody reads that, or it waits."""
    for line in lines:
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.write(f"[worker {index}] {line.rstrip()}\n")
            sys.stdout.flush()


def _end_with_parent() -> None:
    """Let Linux end a worker when this process is killed: nobody else would."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
