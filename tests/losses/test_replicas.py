"""Losses under `tf.distribute`, beside one device with the whole batch: the checks of `replicated.py`."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from metricfit import losses
from metricfit.losses.replicas import Replicas, replica_count

from . import replicated


@pytest.fixture(scope="module")
def found():
    """What all checks say, of one process that has four devices."""
    program = [sys.executable, "-m", "metricfit.tests.losses.replicated", "--short"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


@pytest.mark.parametrize("name", sorted({*replicated.CHECKS} - replicated.LONG))
def test_replicas_do_what_one_device_does(name, found):
    assert found[name] == "", found[name]


def test_outside_of_replicas_nothing_is_sent():
    values = tf.constant([1.0, -2.0])
    for scope in ("global", "replica"):
        replicas = Replicas(scope)
        assert (replicas.running, replicas.joined, replica_count()) == (1, 1, 1)
        for same in (replicas.sum, replicas.gather, replicas.own, replicas.largest, replicas.share, replicas.divide):
            np.testing.assert_array_equal(same(values), values)


@pytest.mark.parametrize("name", filter(replicated.of_the_batch, losses.LOSSES))
def test_scopes_are_the_same_on_one_device_and_another_is_refused(name):
    labels, scores, boxes = map(tf.constant, replicated.example(name))
    each = [
        replicated.step(replicated.made(name, scope=scope), labels, scores, boxes) for scope in ("global", "replica")
    ]
    for one, other in zip(*each):
        np.testing.assert_array_equal(one, other)
    with pytest.raises(ValueError, match="scope must be one of global, replica, got 'both'"):
        losses.get(name, scope="both")
