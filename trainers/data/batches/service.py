"""Examples that workers of a tf.data service decode, brought back into the order of the training stream."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from ...errors import UsageError, first_line
from ...machine import workers
from ..example import Source
from .ahead import Draw, decoding, places_of
from .stream import DecodedCache

log = logging.getLogger("metricfit")

WINDOW = 16384
"""Places of the stream that are one job of the service."""

BLOCK = 16
"""Places that a worker is given at a time."""

AHEAD = 256
"""Examples that may wait for those before them; of an example that four times as many overtake, nobody waits on."""

IDLE = 600.0
"""Seconds in which nobody asks for an example, after which no more are brought, until somebody does."""

PATIENCE = 30.0
"""Seconds without any example, after which examples are decoded here."""


def check_service(address: str, source: Source) -> None:
    """Refuse an address where no dispatcher listens, and data that workers cannot decode; raises `UsageError`."""
    host, _, port = address.removeprefix("grpc://").rpartition(":")
    if not address.startswith("grpc://") or not host or not port.isdecimal():
        raise UsageError(f"--data-service must be the address of a dispatcher, grpc://HOST:PORT; got {address!r}")
    found = (source.record(index) for index in range(len(source)))
    if not all(one is not None and one[0].place(one[1])[0] for one in found):
        raise UsageError(
            f"--data-service: {source.name} is read by this program's own Python, which workers elsewhere do not have; "
            "they decode data that were packed as tfrecord: metricfit data pack SOURCE --to DIR, then --data packed:DIR"
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"--data-service {address} does not answer ({error}): start its dispatcher first") from error


def job(rows: Sequence[np.ndarray], needs: str, address: str) -> tf.data.Dataset:
    """Have records decoded by whichever worker is free, each once, in any order.

    From places and indices int64 [n], files [n], first bytes and lengths int64 [n], to elements of the place, the index
    and what `packed.decoding.SPECS` say.
    """
    missing = -len(rows[0]) % BLOCK
    fillers = (-1, -1, b"", 0, 0)
    blocks = tuple(
        np.concatenate([row, np.full(missing, filler, row.dtype)]).reshape(-1, BLOCK)
        for row, filler in zip(rows, fillers)
    )
    dataset = tf.data.Dataset.from_tensor_slices(blocks)
    dataset = dataset.flat_map(lambda *block: tf.data.Dataset.from_tensor_slices(block))
    dataset = dataset.filter(lambda place, *rest: place >= 0)
    dataset = dataset.map(
        lambda place, *where: (place, *decoding(needs)(*where)),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=False,
    )
    mode = tf.data.experimental.service.ShardingPolicy.DYNAMIC
    return dataset.apply(tf.data.experimental.service.distribute(mode, address, max_outstanding_requests=16))


def own_threads() -> tf.data.Options:
    """Let a stream that waits for arrivals do so in threads of its own: those of all others must bring them."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = workers() + 1
    return options


class Arrivals:
    """What the workers of a service have decoded, by the place of each example in the stream.

    Whatever does not come, since a worker was lost with it, cannot read the file or is slow, is left to be decoded
    here: so each example comes once, in its place, and the stream is the same as without the service.
    """

    def __init__(self, address: str, decoded: DecodedCache, draw: Draw, needs: str, first: int):
        self._address, self._decoded, self._draw, self._needs = address, decoded, draw, needs
        self._changed = threading.Condition()
        self._arrived: dict[int, tuple[int, Sequence[np.ndarray]]] = {}
        self._due: set[int] = set()
        self._waiting = 0
        self._first: int | None = first  # where the stream begins, which is not always asked for first
        self._asked = self._upto = 0  # the furthest place that somebody asked for, and that of the next job
        self._puller: threading.Thread | None = None
        self._latest = self._taken = time.monotonic()  # when something came, and when something was asked for
        self._told: set[str] = set()

    def take(self, place: int) -> tuple[int, Sequence[np.ndarray]]:
        """Give the index and what was decoded of the example at a place, waiting for it; (-1, ()) where nothing is."""
        with self._changed:
            if self._puller is None:
                self._upto = self._asked = place if self._first is None else self._first
                self._first = None
                self._puller = threading.Thread(target=self._pull, daemon=True)
                self._puller.start()
            self._waiting, self._asked, self._taken = self._waiting + 1, max(self._asked, place), time.monotonic()
            self._changed.notify_all()
            try:
                while place not in self._arrived and self._comes(place):
                    self._changed.wait(timeout=1.0)
            finally:
                self._waiting -= 1
            found = self._arrived.pop(place, None)
            self._due.discard(place)
            self._changed.notify_all()
        if found is not None and not found[1][0].size:
            self._tell(f"the workers of {self._address} cannot read the data: are they at the same place there?")
        return found or (-1, ())

    def _comes(self, place: int) -> bool:
        """Tell whether an example that is not there yet may still come, and soon."""
        if (place < self._upto and place not in self._due) or len(self._arrived) >= 4 * AHEAD:
            return False
        if time.monotonic() - self._latest > PATIENCE:
            self._tell(f"nothing came from {self._address} for {PATIENCE:.0f} s: are its workers running?")
            return False
        return True

    def _tell(self, sentence: str) -> None:
        """Say once what is wrong."""
        if sentence not in self._told:
            self._told.add(sentence)
            log.warning("--data-service: %s Until they come, examples are decoded here.", sentence)

    def _pull(self) -> None:
        """Bring examples in, job after job, as long as somebody asks for them."""
        while self._waited(lambda: self._asked >= self._upto - AHEAD):
            try:
                for place, index, *held in self._next_job() or ():
                    self.arrive(int(place), int(index), [part.numpy() for part in held])
                    if not self._waited(self._has_room):
                        break
            except tf.errors.OpError as error:
                self._tell(f"the service failed ({first_line(error)}).")
            with self._changed:
                self._due.clear()  # no more comes of these
                self._changed.notify_all()
        with self._changed:
            self._puller = None
            self._arrived.clear()
            self._changed.notify_all()

    def _waited(self, until: Callable[[], bool]) -> bool:
        """Wait until something is so; False where nobody has asked for an example for long."""
        with self._changed:
            while not until():
                if time.monotonic() - self._taken > IDLE:
                    return False
                self._latest = time.monotonic()
                self._changed.wait(timeout=1.0)
        return True

    def _next_job(self) -> tf.data.Dataset | None:
        """Begin the job of the places that follow; None where all of them are in memory already."""
        first = self._upto
        places = range(first, first + WINDOW)
        indices = [self._draw(place)[0] for place in places]
        wanted = [one for one, index in enumerate(indices) if index not in self._decoded]
        numbers = np.array([indices[one] for one in wanted], np.int64)
        rows = places_of(numbers.tolist(), self._decoded.source, self._decoded) if wanted else ()
        with self._changed:
            self._due |= {first + one for one in wanted}
            self._upto = first + WINDOW
            self._latest = time.monotonic()
            self._changed.notify_all()
        if not wanted:
            return None
        return job((np.array(wanted, np.int64) + first, numbers, *rows), self._needs, self._address)

    def arrive(self, place: int, index: int, held: Sequence[np.ndarray]) -> None:
        """Take in an example, which nobody may want any more."""
        with self._changed:
            self._latest = time.monotonic()
            if place in self._due:
                self._arrived[place] = index, held
            self._changed.notify_all()

    def _has_room(self) -> bool:
        """Tell whether another example may come: where somebody waits for one, before there is."""
        return len(self._arrived) < AHEAD or (self._waiting > 0 and len(self._arrived) < 4 * AHEAD)
