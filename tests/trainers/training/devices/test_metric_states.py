"""What metrics of several devices hold is kept, and given to as many, to more, or to fewer."""

from types import SimpleNamespace

import numpy as np
import pytest

from metricfit.trainers.training.devices import metric_states
from metricfit.trainers.training.devices.exchange import Exchange


class Part:
    """A number on one device."""

    def assign(self, value):
        self.value = np.asarray(value)


@pytest.fixture
def variables(monkeypatch):
    """Make what variables hold on some devices each, in place of TensorFlow's."""
    monkeypatch.setattr(metric_states, "_parts", lambda variable: variable.parts)
    return lambda *devices: [SimpleNamespace(shape=(2,), parts=[Part() for _ in range(one)]) for one in devices]


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
@pytest.mark.parametrize(("workers", "devices"), [(1, 1), (1, 2), (2, 2), (1, 3)])
def test_other_devices_hold_as_much_of_the_sum_each(variables, dtype, workers, devices):
    of_two = np.array([[5, 10], [3, 20]], dtype)
    found = []
    for worker, variable in enumerate(variables(*[devices] * workers)):
        metric_states.give(variable, of_two, Exchange(None, worker, workers))
        found += [part.value for part in variable.parts]
    assert {part.dtype for part in found} == {np.dtype(dtype)}
    np.testing.assert_array_equal(np.sum(found, axis=0), of_two.sum(axis=0))
    if workers * devices == 2:
        np.testing.assert_array_equal(found, of_two)
    elif dtype == np.float32:
        # a mean of each of them is the mean of all: a total over a count
        for total, count in found:
            assert total / count == pytest.approx(8 / 30)


def test_values_of_one_device_are_shared_out_too(variables):
    (variable,) = variables(4)
    metric_states.give(variable, np.float32([8, 30]))
    assert [part.value.tolist() for part in variable.parts] == [[2, 7.5]] * 4
