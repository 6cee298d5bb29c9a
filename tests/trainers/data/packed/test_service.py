"""A tf.data service of one dispatcher and two workers: each example once, in its place, whatever happens to workers."""

import logging
import socket
import subprocess
import sys
import threading
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from metricfit.trainers.data.augmentation.settings import Augmentation, BoxAugmentation
from metricfit.trainers.data.batches import service
from metricfit.trainers.data.batches.order import Order
from metricfit.trainers.data.batches.pipeline import training_batches
from metricfit.trainers.data.batches.repeats import RepeatRare
from metricfit.trainers.data.packed import records
from metricfit.trainers.data.packed.packing import pack
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.sources.scenes import Scenes
from metricfit.trainers.data.steady import Steady
from metricfit.trainers.data.subset import Subset
from metricfit.trainers.data.targets import TARGETS
from metricfit.trainers.errors import UsageError
from metricfit.trainers.tasks import get_task
from metricfit.trainers.training.config import SaliencyConfig

MASK = TARGETS["mask"]


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """Sixty scenes in three files."""
    out = tmp_path_factory.mktemp("service") / "out"
    pack(Subset(Scenes("val"), range(60)), str(out), needs="mask", shards=3, size=64, quiet=True)
    return f"packed:{out}"


@pytest.fixture
def dispatcher():
    """A dispatcher that forgets workers soon; it is stopped after the test."""
    config = tf.data.experimental.service.DispatcherConfig(worker_timeout_ms=1000, job_gc_check_interval_ms=100)
    yield (server := tf.data.experimental.service.DispatchServer(config))
    server._stop()


RUNS_WORKERS = """
import sys
import tensorflow as tf
service, running = tf.data.experimental.service, []
for line in sys.stdin:
    word, *address = line.split()
    if word == "start":
        running.append(service.WorkerServer(service.WorkerConfig(*address, heartbeat_interval_ms=100)))
    else:
        running.pop()._stop()
    print(len(running), flush=True)
"""


class Workers:
    """Workers in a process of their own: one that ends beside the stream holds up Python, for which it then waits."""

    def __init__(self):
        command = [sys.executable, "-c", RUNS_WORKERS]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.running = 0

    def _ask(self, words):
        print(words, file=self._process.stdin, flush=True)
        self.running = int(self._process.stdout.readline())

    def start(self, dispatcher, count=1):
        for _ in range(count):
            self._ask(f"start {dispatcher.target.split('://')[1]}")

    def stop_one(self):
        self._ask("stop")

    def end(self):
        self._process.kill()
        self._process.communicate()


@pytest.fixture(scope="module")
def process_of_workers():
    yield (workers := Workers())
    workers.end()


@pytest.fixture
def workers(process_of_workers):
    """No workers yet, and none after the test."""
    yield process_of_workers
    while process_of_workers.running:
        process_of_workers.stop_one()


def stream(source, steps, **more):
    settings = {"size": 32, "batch_size": 6, "seed": 5, "resizing": "stretch", "cache_mib": 0, **more}
    batches = training_batches(source, MASK, augmentation=Augmentation(), **settings)
    return [tuple(map(np.asarray, batch)) for batch in batches.take(steps)]


def assert_equal_streams(found, meant):
    assert len(found) == len(meant)
    for one, other in zip(found, meant):
        for values, expected in zip(one, other):
            np.testing.assert_array_equal(values, expected)


@pytest.fixture
def read_here(monkeypatch):
    """Name what this process decodes itself."""
    names, held_in = [], records.held_in
    monkeypatch.setattr(
        "metricfit.trainers.data.sources.packed.held_in", lambda *given: names.append(given[2]) or held_in(*given)
    )
    return names


def test_each_example_comes_once_an_epoch_in_its_place(packed, dispatcher, workers, read_here, monkeypatch):
    came, arrive = [], service.Arrivals.arrive

    def counted(self, place, index, held):
        came.append((place, index))
        arrive(self, place, index, held)

    monkeypatch.setattr(service.Arrivals, "arrive", counted)
    monkeypatch.setattr(service, "WINDOW", 70)
    monkeypatch.setattr(service, "AHEAD", 40)  # so that no example is too late, however busy the machine is
    workers.start(dispatcher, 2)
    source = Steady(open_source(packed), MASK, replacing=False)
    meant = stream(source, 20)
    assert_equal_streams(stream(source, 20, data_service=dispatcher.target), meant)
    first = list(came)
    assert_equal_streams(stream(source, 3, data_service=dispatcher.target, start_step=17), meant[17:])
    assert read_here == []
    order = Order(60, 6, 5)
    assert max(Counter(first).values()) == 1
    assert all(order[place][1] == index for place, index in came)
    for epoch in range(2):
        visited = [index for place, index in first if epoch * 60 <= place < epoch * 60 + 60]
        assert sorted(visited) == list(range(60))


@pytest.mark.long
@pytest.mark.parametrize("sampler", [None, RepeatRare(np.linspace(1, 3, 9), seed=1)], ids=["all alike", "repeated"])
def test_mixed_and_repeated_pictures_are_the_same_with_workers(dispatcher, workers, tmp_path, sampler):
    pack(Subset(Scenes("val"), range(9)), str(tmp_path / "out"), needs="boxes", size=64, quiet=True)
    workers.start(dispatcher)
    source, mixing = open_source(f"packed:{tmp_path / 'out'}", needs="boxes"), BoxAugmentation(mosaic=0.6, mix_up=0.6)
    given = {"size": 32, "batch_size": 3, "seed": 5, "augmentation": mixing, "resizing": "pad", "cache_mib": 0}
    given["sampler"] = sampler
    streams = [
        [tf.nest.flatten(batch) for batch in training_batches(source, TARGETS["boxes"], **given, **more).take(4)]
        for more in ({}, {"data_service": dispatcher.target})
    ]
    assert_equal_streams(*streams)


def test_a_lost_worker_costs_no_example(packed, dispatcher, workers, caplog):
    workers.start(dispatcher, 2)
    source = open_source(packed)
    meant, found = stream(source, 30), []
    settings = {"size": 32, "batch_size": 6, "seed": 5, "resizing": "stretch", "cache_mib": 0}
    batches = training_batches(source, MASK, augmentation=Augmentation(), data_service=dispatcher.target, **settings)
    for number, batch in enumerate(batches.take(30)):
        if number == 3:
            workers.stop_one()
        found.append(tuple(map(np.asarray, batch)))
    assert_equal_streams(found, meant)


def test_without_workers_examples_are_decoded_here_and_that_is_said(packed, dispatcher, read_here, monkeypatch, caplog):
    monkeypatch.setattr(service, "PATIENCE", 0.5)
    source = open_source(packed)
    with caplog.at_level(logging.WARNING, "metricfit"):
        found = stream(source, 3, data_service=dispatcher.target)
    assert len(read_here) >= 18
    assert_equal_streams(found, stream(source, 3))
    assert [record.message for record in caplog.records if "are its workers running?" in record.message]


def test_workers_that_are_lost_are_told_in_one_sentence(packed, dispatcher, workers, monkeypatch, caplog):
    monkeypatch.setattr(service, "PATIENCE", 2.0)
    monkeypatch.setattr(service, "AHEAD", 6)
    workers.start(dispatcher)
    source = open_source(packed)
    settings = {"size": 32, "batch_size": 6, "seed": 5, "resizing": "stretch", "cache_mib": 0}
    batches = training_batches(source, MASK, augmentation=Augmentation(), data_service=dispatcher.target, **settings)
    found = []
    with caplog.at_level(logging.WARNING, "metricfit"):
        for number, batch in enumerate(batches.take(30)):
            found.append(tuple(map(np.asarray, batch)))
            if number == 1:
                workers.stop_one()
    assert_equal_streams(found, stream(source, 30))
    said = [record.message for record in caplog.records]
    assert len(said) == 1
    assert said[0].startswith("--data-service: nothing came from grpc://")


def test_a_stream_that_nobody_reads_brings_nothing_more_until_somebody_does(packed, dispatcher, workers, monkeypatch):
    monkeypatch.setattr(service, "IDLE", 0.5)
    workers.start(dispatcher)
    source, before = open_source(packed), threading.enumerate()
    settings = {"size": 32, "batch_size": 6, "seed": 5, "resizing": "stretch", "cache_mib": 0}
    batches = training_batches(source, MASK, augmentation=Augmentation(), data_service=dispatcher.target, **settings)
    stream_of_it = iter(batches)
    found = [next(stream_of_it)]
    pullers = [thread for thread in threading.enumerate() if "_pull" in thread.name and thread not in before]
    for thread in pullers:
        thread.join(timeout=20)
    assert pullers
    assert not any(thread.is_alive() for thread in pullers)
    found += [next(stream_of_it) for _ in range(19)]
    assert_equal_streams([tuple(map(np.asarray, batch)) for batch in found], stream(source, 20))


def test_what_workers_cannot_do_is_refused_before_anything_is_made(packed, dispatcher, tmp_path):
    arrays = pack(Subset(Scenes("val"), [0]), str(tmp_path / "a"), needs="mask", file_format="array_record", quiet=True)
    for source in (Scenes("val"), open_source(arrays.source)):
        with pytest.raises(UsageError, match="read by this program's own Python, which workers elsewhere do not have"):
            service.check_service(dispatcher.target, source)
    for address in ("localhost:5000", "grpc://localhost", "grpc://:5000", "grpc://a:b"):
        with pytest.raises(UsageError, match="must be the address of a dispatcher"):
            service.check_service(address, open_source(packed))
    with socket.socket() as free:
        free.bind(("localhost", 0))
        with pytest.raises(UsageError, match="does not answer"):
            service.check_service(f"grpc://localhost:{free.getsockname()[1]}", open_source(packed))
    config = SaliencyConfig(data="scenes:val", data_service=dispatcher.target, out=str(tmp_path / "run"), quiet=True)
    with pytest.raises(UsageError, match="workers elsewhere do not have"):
        get_task("saliency").train(config)
    assert not (tmp_path / "run").exists()
