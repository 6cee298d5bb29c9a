"""How processes find each other, and what is said where they do not."""

import contextlib
import json
import socket
import threading
import time

import pytest

from metricfit.trainers.errors import MetricfitError, UsageError
from metricfit.trainers.training.devices.meeting import Cluster, meet, read_cluster


def config(cluster, kind="worker", index=0):
    return json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})


def free_ports(count):
    """Find ports that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def test_reads_workers_with_and_without_a_chief():
    assert read_cluster(config({"worker": ["a:1", "b:2"]}, index=1)) == Cluster(("a:1", "b:2"), 1)
    both = {"chief": ["c:3"], "worker": ["a:1", "b:2"]}
    assert read_cluster(config(both, index=1)) == Cluster(("c:3", "a:1", "b:2"), 2)
    assert read_cluster(config(both, "chief")) == Cluster(("c:3", "a:1", "b:2"), 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "needs TF_CONFIG"),
        ("", "needs TF_CONFIG"),
        ("{", "must be JSON"),
        ("[]", "must be JSON"),
        ('{"cluster": {"worker": ["a:1"]}}', "must be JSON"),
        ('{"cluster": [], "task": {"type": "worker", "index": 0}}', "must be JSON"),
        (config({"worker": ["a:1"], "ps": ["b:1"]}), "lists ps"),
        (config({"worker": []}), "must list workers as HOST:PORT"),
        (config({"worker": "a:1"}), "must list workers as HOST:PORT"),
        (config({"worker": ["a"]}), "must list workers as HOST:PORT"),
        (config({"worker": ["a:99999"]}), "must list workers as HOST:PORT"),
        (config({"worker": ["a:1", "a:1"]}), "an address twice"),
        (config({"worker": ["a:1"]}, index=1), "must be one of its cluster's"),
        (config({"worker": ["a:1"]}, index="0"), "must be one of its cluster's"),
        (config({"worker": ["a:1"]}, "chief"), "must be one of its cluster's"),
    ],
)
def test_refuses_in_one_sentence_what_describes_no_workers(text, said):
    with pytest.raises(UsageError, match=said) as refused:
        read_cluster(text)
    assert "\n" not in str(refused.value)


def gathered(
    count, settings=lambda worker: {"seed": "1"}, absent=(), seconds=20.0, before=lambda port: None, pause=0.0
):
    """Let workers meet; gives what each of them raised, or None."""
    addresses = tuple(f"127.0.0.1:{port}" for port in free_ports(count))
    found = dict.fromkeys(range(count))

    def come(worker):
        try:
            meet(Cluster(addresses, worker), settings(worker), seconds)
        except MetricfitError as error:
            found[worker] = error

    threads = [threading.Thread(target=come, args=(worker,)) for worker in range(count) if worker not in absent]
    threads[0].start()
    before(int(addresses[0].rpartition(":")[2]))
    for thread in reversed(threads[1:]):
        thread.start()
        time.sleep(pause)
    for thread in threads:
        thread.join()
    return found


def test_all_go_on_once_the_last_has_come():
    assert gathered(4) == dict.fromkeys(range(4))


def said_to(port, words):
    """Say something to who listens there; gives the connection."""
    end = time.monotonic() + 10
    while True:
        try:
            other = socket.create_connection(("127.0.0.1", port), timeout=1)
            other.sendall(words)
            return other
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.01)


def test_whoever_says_something_else_is_nobody():
    with contextlib.ExitStack() as stay:
        for asked in (b"GET /healthz HTTP/1.1\r\n\r\n", b'{"worker": 7}\n'):
            before = lambda port, asked=asked: stay.enter_context(said_to(port, asked))  # noqa: E731
            assert gathered(3, before=before) == dict.fromkeys(range(3))


def test_a_worker_that_was_killed_and_started_again_is_waited_for():
    said = json.dumps({"worker": 1, "settings": {"seed": "1"}}).encode() + b"\n"
    found = gathered(3, before=lambda port: said_to(port, said).close(), pause=0.5)
    assert found == dict.fromkeys(range(3)), "the chief went on with the third, before the second came again"


def test_other_settings_are_refused_by_all():
    found = gathered(2, lambda worker: {"seed": str(worker), "size": "192"})
    assert "worker 1 was started with seed 1, worker 0 with 0" in str(found[0])
    assert isinstance(found[0], UsageError)
    assert "seed 1" in str(found[1])


def test_says_who_did_not_come():
    found = gathered(3, absent=[2], seconds=1.0)
    assert "worker 2 (127.0.0.1:" in str(found[0])
    assert "did not come" in str(found[1])


def test_says_that_the_chief_did_not_answer():
    assert "worker 0 (127.0.0.1:" in str(gathered(2, absent=[0], seconds=0.5)[1])


def test_a_port_in_use_is_named():
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UsageError, match=f"port {port}, which TF_CONFIG gives this process, is not free"):
            meet(Cluster((f"127.0.0.1:{port}", "127.0.0.1:1"), 0), {}, 1.0)
