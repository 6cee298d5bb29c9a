"""Loads a server with good, huge, broken, slow and leaving clients, and ends it under load.

python -m tests.soak.serve --times 1 --seconds 60 --clients 32

Good requests must all be answered, and with what belongs to them; the others with their statuses; memory must stay as
it is; and whoever was accepted when the server is asked to end must be answered.
"""

import argparse
import collections
import http.client
import io
import json
import random
import re
import signal
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

KINDS = ("good",) * 20 + (
    "huge",
    "huge",
    "many pixels",
    "broken",
    "broken",
    "broken",
    "slow",
    "slow",
    "reader",
    "leaves",
)
"""What the clients are, one after the other."""

WANTED = {"huge": {413}, "many pixels": {413}, "broken": {422, 400}, "slow": {408}}
WARM_UP = 1500
"""So many requests fill what threads and libraries keep for themselves; how memory grows is looked at afterwards."""


@dataclass
class Outcome:
    """What the clients met."""

    seconds: list[float] = field(default_factory=list)  # of good requests
    counts: collections.Counter = field(default_factory=collections.Counter)  # by kind of client and answer
    faults: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)  # seconds, and megabytes then
    warm: int = 0  # where in `memory` the warm-up was over
    ended: bool = False  # the server was asked to end: it may refuse connections now

    def percentile(self, share: float) -> float:
        """Milliseconds in which so many of the good requests were answered."""
        return 1e3 * float(np.quantile(self.seconds, share)) if self.seconds else float("nan")

    def growth(self) -> float:
        """Megabytes a minute by which memory grew after the warm-up; NaN where that was hardly over."""
        at, used = np.array(self.memory[self.warm :]).T
        return 60 * float(np.polyfit(at, used, 1)[0]) if self.warm and at[-1] - at[0] > 15 else float("nan")


def picture(rng: random.Random, largest: int) -> tuple[bytes, int, int]:
    """Make up a picture: its file, width and height."""
    width, height = rng.randint(20, largest), rng.randint(20, largest)
    noise = np.random.default_rng(rng.getrandbits(32)).integers(0, 256, (8, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).resize((width, height)).save(file, rng.choice(["PNG", "JPEG", "WEBP", "BMP"]))
    return file.getvalue(), width, height


def bomb() -> bytes:
    """A small PNG that says it has 3.6 gigapixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", b""), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


class Client(threading.Thread):
    """Sends requests of a kind until it is told to stop."""

    def __init__(self, port: int, kind: str, outcome: Outcome, stop: threading.Event, seed: str, largest: int = 900):
        super().__init__(daemon=True)
        self.port, self.kind, self.outcome, self.stop, self.rng = port, kind, outcome, stop, random.Random(seed)
        self.largest = largest

    def run(self) -> None:
        """Go on until the end."""
        pictures = [picture(self.rng, self.largest) for _ in range(12)]
        while not self.stop.is_set():
            sent = False
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
                connection.connect()
                sent = True
                self._once(connection, *self.rng.choice(pictures))
                connection.close()
            except (OSError, http.client.HTTPException) as error:
                # A door that closes while a client is at it turns the client away in either way.
                turned_away = isinstance(error, (ConnectionRefusedError, ConnectionResetError)) and not sent
                if turned_away and self.outcome.ended:
                    return
                self._fault(f"connected and got no answer: {error!r}" if sent else repr(error))
            if self.kind != "good":
                self.stop.wait(0.2)

    def _once(self, connection: http.client.HTTPConnection, file: bytes, width: int, height: int) -> None:
        if self.kind == "slow":
            self._count(self._slowly(connection, file))
        elif self.kind == "leaves":
            connection.request("POST", "/predict", file)
            time.sleep(self.rng.uniform(0, 0.3))
            self._count(0)
        elif self.kind == "reader":
            connection.request("POST", "/predict?output=overlay&format=png", file)
            time.sleep(self.rng.uniform(0, 2))
            reply = connection.getresponse()
            self._right(reply.status == 200 and Image.open(io.BytesIO(reply.read())).size == (width, height))
            self._count(reply.status)
        elif self.kind == "good":
            began = time.perf_counter()
            output = self.rng.choice(["json", "json", "overlay", "mask"])
            connection.request("POST", f"/predict?output={output}&threshold=0.5", file)
            reply = connection.getresponse()
            body = reply.read()
            self.outcome.seconds.append(time.perf_counter() - began)
            if reply.status == 200 and output == "json":
                said = json.loads(body)
                self._right((said["width"], said["height"]) == (width, height))
            else:
                self._right(reply.status == 200 and Image.open(io.BytesIO(body)).size == (width, height), body[:200])
            self._count(reply.status)
        else:
            body = {"huge": b"x" * self.rng.choice([5_000_000, 12_000_000]), "many pixels": bomb()}.get(self.kind)
            body = body or self.rng.choice([b"", b"nonsense", file[: len(file) // 3], file[:30]])
            connection.request("POST", "/predict", body)
            reply = connection.getresponse()
            said = json.loads(reply.read())
            self._right(set(said) == {"error"})
            self._count(reply.status)

    def _slowly(self, connection: http.client.HTTPConnection, file: bytes) -> int:
        client = connection.sock
        head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(file)}\r\n\r\n"
        half = head.encode() + file[: len(file) // 2]
        client.settimeout(0.1)
        client.sendall(half if self.rng.random() < 0.5 else half[:30])
        until, heard = time.monotonic() + 60, b""
        while time.monotonic() < until and not self.stop.is_set():
            try:
                if not (data := client.recv(65536)):
                    break
                heard += data
            except TimeoutError:
                try:
                    client.sendall(b"x")
                except OSError:
                    break
            except OSError:
                break
        if self.stop.is_set() or self.outcome.ended:
            return 408
        return int(heard[9:12]) if heard.startswith(b"HTTP/1.1 ") else 408 if time.monotonic() < until else 0

    def _count(self, status: int) -> None:
        self.outcome.counts[self.kind, status] += 1
        if self.kind in WANTED:
            self._right(status in WANTED[self.kind], status)

    def _right(self, right: bool, what: object = "") -> None:
        if not right:
            self._fault(f"another answer than it should be: {what!r}")

    def _fault(self, what: str) -> None:
        self.outcome.faults.append(f"{self.kind} client: {what}")


def load(
    port: int, seconds: float, clients: int, *, seed: int = 0, pid: int | None = None, end=None, largest: int = 900,
    wanted: Iterable[tuple[str, int]] = (),
) -> Outcome:  # fmt: skip
    """Load a server for so long, and until it gave the answers that are wanted, but a minute more at most.

    Then call `end`, while the clients go on until they are refused.
    """
    outcome, stop = Outcome(), threading.Event()
    threads = [
        Client(port, KINDS[place % len(KINDS)], outcome, stop, f"{seed} {place}", largest) for place in range(clients)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    while (now := time.monotonic()) < began + seconds + 60:
        if now > began + seconds and outcome.counts.keys() >= set(wanted):
            break
        if pid is not None:
            if not outcome.warm and outcome.counts.total() > WARM_UP:
                outcome.warm = len(outcome.memory)
            outcome.memory.append((time.monotonic() - began, resident(pid)))
        time.sleep(min(0.5, max(0.01, began + seconds - time.monotonic())))
    if end is not None:
        outcome.ended = True
        end()
        for thread in threads:
            thread.join(40)
    stop.set()
    for thread in threads:
        thread.join(60)
        if thread.is_alive():
            outcome.faults.append(f"a {thread.kind} client hangs")
    return outcome


def resident(pid: int) -> float:
    """Megabytes of memory that a process has."""
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6


def attempt(model: str, seconds: float, clients: int, seed: int) -> list[str]:
    """Start a server, load it, end it; gives the faults."""
    limits = "--max-megabytes", "4", "--upload-seconds", "15"
    command = [sys.executable, "-m", "metricfit", "serve", model, "--port", "0", *limits]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines: list[str] = []
    try:
        port = next(
            int(found[1]) for line in iter(process.stdout.readline, "") if (found := re.search(r":(\d+)/$", line))
        )
        reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
        reader.start()
        outcome = load(
            port, seconds, clients, seed=seed, pid=process.pid, end=lambda: process.send_signal(signal.SIGTERM)
        )
        code = process.wait(60)
        reader.join(5)
    finally:
        process.kill()
        process.wait()
    faults = outcome.faults
    if code != 0:
        faults.append(f"it ended with {code}")
    said = [line.strip() for line in lines if not line.startswith(("limits", "Ctrl-C", "ended"))]
    faults += [f"it said {line}" for line in said[:5]]
    # By chance a few pictures more or less are under way.
    if (growth := outcome.growth()) > max(20.0, 60 * 30 / seconds):
        faults.append(f"memory grew by {growth:.1f} MB a minute")
    elif np.isnan(growth):
        print("  too few requests to tell how memory grows: give more --seconds")
    kinds = collections.Counter()
    for (kind, status), count in sorted(outcome.counts.items()):
        kinds[f"{kind} {status or 'left'}"] += count
    first, last = outcome.memory[0][1], outcome.memory[-1][1]
    print(
        f"seed {seed}: {len(outcome.seconds)} good requests, {len(outcome.seconds) / seconds:.1f} a second, p50 "
        f"{outcome.percentile(0.5):.0f} ms, p99 {outcome.percentile(0.99):.0f} ms; memory {first:.0f} to {last:.0f} "
        f"MB, most {max(used for _, used in outcome.memory):.0f}, then {growth:+.1f} MB a minute; answers: "
        + ", ".join(f"{kind} {count} times" for kind, count in kinds.items())
    )
    for fault in faults:
        print(f"  {fault}")
    return faults


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--model", default="saliency_mobile")
    options = parser.parse_args()
    failed = 0
    for number in range(options.times):
        failed += bool(attempt(options.model, options.seconds, options.clients, options.seed + number))
    print(f"serve: tried {options.times}, passed {options.times - failed}, failed {failed}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
