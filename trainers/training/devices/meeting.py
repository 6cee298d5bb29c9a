"""The processes of a training find each other, before TensorFlow waits without a word. Imports no TensorFlow."""

import contextlib
import json
import logging
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

from ...errors import MetricfitError, UsageError
from ...text import cut, shown

log = logging.getLogger("metricfit")

EXAMPLE = '{"cluster": {"worker": ["host1:4000", "host2:4000"]}, "task": {"type": "worker", "index": 0}}'
_PAUSE = 0.2  # seconds between two tries to reach somebody
_LONGEST = 100_000  # bytes that anybody has to say


@dataclass(frozen=True)
class Cluster:
    """Where the processes are, as HOST:PORT, the chief first, and which of them this one is."""

    addresses: tuple[str, ...]
    worker: int


def read_cluster(text: str | None) -> Cluster:
    """Read the environment variable TF_CONFIG; UsageError where it is missing or does not describe workers."""
    if not text:
        raise UsageError(
            f"--strategy multi_worker needs TF_CONFIG in the environment of each process, such as {EXAMPLE}, with each "
            "one's own index"
        )
    try:
        found = json.loads(text)
        jobs, task = found["cluster"], found["task"]
        kind, index = task["type"], task["index"]
        chiefs, workers = jobs.get("chief", []), jobs.get("worker", [])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"TF_CONFIG must be JSON such as {EXAMPLE}, got {shown(text)}") from error
    if others := [name for name in jobs if name not in ("chief", "worker")]:
        raise UsageError(f"TF_CONFIG lists {cut(others[0])}, which no training here has: list chief and worker alone")
    addresses = [*chiefs, *workers] if isinstance(chiefs, list) and isinstance(workers, list) else []
    if not addresses or not all(map(_is_address, addresses)):
        raise UsageError(f"the cluster of TF_CONFIG must list workers as HOST:PORT, got {shown(jobs)}")
    if len(set(addresses)) < len(addresses):
        raise UsageError(f"the cluster of TF_CONFIG lists an address twice: {shown(jobs)}")
    known = chiefs if kind == "chief" else workers if kind == "worker" else []
    if not isinstance(index, int) or not 0 <= index < len(known):
        raise UsageError(f"the task of TF_CONFIG must be one of its cluster's, got {shown(task)}")
    return Cluster(tuple(addresses), index + (len(chiefs) if kind == "worker" else 0))


def meet(cluster: Cluster, settings: dict[str, str], seconds: float) -> None:
    """Wait until all processes are there, with the same settings.

    Raises:
        UsageError: the others' settings differ, or the own port is in use.
        MetricfitError: some do not come within that time.
    """
    end = time.monotonic() + seconds
    others = len(cluster.addresses) - 1
    log.info("worker %d of %d waits for the others", cluster.worker, others + 1)
    if cluster.worker == 0:
        _receive(cluster, settings, end)
    else:
        _report(cluster, settings, end)


def _receive(cluster: Cluster, settings: dict[str, str], end: float) -> None:
    """Be the chief: hear all, and answer them once the last has come."""
    there: dict[int, socket.socket] = {}
    fault = ""
    with contextlib.ExitStack() as stack, _listening(cluster.addresses[0]) as server:
        while not fault:
            for worker in [worker for worker, connection in there.items() if _has_left(connection)]:
                there.pop(worker).close()
            if len(there) == len(cluster.addresses) - 1:
                break
            if time.monotonic() > end:
                missing = [f"{index} ({cluster.addresses[index]})" for index in _missing(cluster, there)]
                fault = f"worker {', '.join(missing)} did not come: start every process that TF_CONFIG lists"
                break
            with contextlib.suppress(OSError):  # nobody as yet, or one who leaves again
                connection, _ = server.accept()
                stack.enter_context(connection)
                said = _heard(connection)
                if said is None or said.get("worker") not in range(1, len(cluster.addresses)):
                    connection.close()  # nobody of ours, such as a health check
                    continue
                there[said["worker"]] = connection
                fault = _difference(said["worker"], said.get("settings"), settings)
        for connection in there.values():
            with contextlib.suppress(OSError):
                connection.sendall(json.dumps({"fault": fault}).encode() + b"\n")
    if fault.startswith("worker") and "did not come" in fault:
        raise MetricfitError(fault)
    if fault:
        raise UsageError(fault)


def _report(cluster: Cluster, settings: dict[str, str], end: float) -> None:
    """Tell the chief that one is there, and wait for its word."""
    host, _, port = cluster.addresses[0].rpartition(":")
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=_PAUSE * 5) as chief:
            about = {"worker": cluster.worker, "settings": settings}
            chief.sendall(json.dumps(about).encode() + b"\n")
            while time.monotonic() < end + 5:
                if (answer := _heard(chief)) is not None:
                    if answer.get("fault"):
                        raise UsageError(f"the chief ended the training: {answer['fault']}")
                    return
        time.sleep(_PAUSE)
    raise MetricfitError(
        f"worker 0 ({cluster.addresses[0]}), the chief, did not answer: start every process that TF_CONFIG lists, and "
        "let them reach each other's ports"
    )


@contextlib.contextmanager
def _listening(address: str) -> Iterator[socket.socket]:
    port = int(address.rpartition(":")[2])
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("", port))
        except OSError as error:
            raise UsageError(
                f"port {port}, which TF_CONFIG gives this process, is not free ({error.strerror}): end who has it, or "
                "list another one"
            ) from error
        server.listen()
        server.settimeout(_PAUSE)
        yield server


def _heard(connection: socket.socket) -> dict | None:
    """Give what somebody says in one line of JSON; None where it is something else, or nothing as yet."""
    connection.settimeout(_PAUSE * 5)
    said = b""
    while not said.endswith(b"\n") and len(said) < _LONGEST:
        try:
            part = connection.recv(4096)
        except TimeoutError:
            return None
        if not part:
            raise ConnectionError("closed")
        said += part
    try:
        found = json.loads(said)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _has_left(connection: socket.socket) -> bool:
    """Tell whether who has said what there is to say is not there any more, such as a process that was killed."""
    connection.setblocking(False)
    try:
        return not connection.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        connection.settimeout(_PAUSE * 5)


def _missing(cluster: Cluster, there: dict[int, socket.socket]) -> list[int]:
    return [index for index in range(1, len(cluster.addresses)) if index not in there]


def _difference(worker: int, theirs: object, settings: dict[str, str]) -> str:
    if not isinstance(theirs, dict):
        return f"worker {worker} is another program"
    names = [name for name in {**settings, **theirs} if settings.get(name) != theirs.get(name)]
    if not names:
        return ""
    name = names[0]
    return (
        f"worker {worker} was started with {cut(name)} {cut(str(theirs.get(name)))}, worker 0 with "
        f"{cut(str(settings.get(name)))}: start all with the same command, versions and devices"
    )


def _is_address(text: object) -> bool:
    host, _, port = text.rpartition(":") if isinstance(text, str) else ("", "", "")
    return bool(host) and port.isdigit() and 0 < int(port) < 65536
