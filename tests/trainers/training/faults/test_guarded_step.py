"""A step whose numbers are none changes nothing, however it is run; one whose numbers are sound is what it was."""

import keras
import numpy as np
import pytest

from metricfit.trainers.training.devices.metric_states import build_metrics
from metricfit.trainers.training.faults.guarded_step import GuardedStep

from . import faulty

MODES = {
    "graph": {},
    "xla": {"jit_compile": True},
    "eager": {"run_eagerly": True},
}
FAULTS = {
    faulty.LOSS: "the loss became nan",
    faulty.GRADIENT: "the gradients became no numbers",
    faulty.STATISTICS: "the moving statistics became no numbers",
    faulty.LAYER: "the loss became nan",
}


def adamw(**settings):
    return keras.optimizers.AdamW(0.01, use_ema=True, ema_momentum=0.5, global_clipnorm=1.0, **settings)


def sgd():
    return keras.optimizers.SGD(0.01, momentum=0.9)


def state(model):
    variables = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    return [np.array(variable) for variable in {id(one): one for one in variables}.values()]


def step_by_step(model, faults):
    """Train on batches with faults; gives what the guard said and the whole state after each step."""
    data = faulty.batches(faults)
    build_metrics(model, data)
    guard = GuardedStep(model)
    model.make_train_function()
    seen, iterator = [], iter(data)
    for _ in faults:
        logs = model.train_function(iterator)
        assert np.isfinite(float(logs["loss"]))
        seen.append((guard.verdict(), state(model)))
    return seen


def without_guard(model, faults):
    model.make_train_function()
    iterator = iter(faulty.batches(faults))
    for _ in faults:
        model.train_function(iterator)
    return state(model)


@pytest.mark.parametrize(("mode", "optimizer"), [("graph", adamw), ("graph", sgd), ("xla", adamw), ("eager", sgd)])
def test_a_faulty_step_changes_nothing(mode, optimizer):
    model = faulty.build(optimizer(), **MODES[mode])
    faults = [faulty.SOUND, *FAULTS, faulty.SOUND]
    before = None
    for fault, (verdict, after) in zip(faults, step_by_step(model, faults), strict=True):
        if fault == faulty.SOUND:
            assert verdict.sound
            assert before is None or not all(map(np.array_equal, before, after))
        else:
            assert not verdict.sound
            assert verdict.what == FAULTS[fault]
            assert len(before) == len(after)
            for one, other in zip(before, after):
                np.testing.assert_array_equal(one, other)
        before = after
        assert all(np.isfinite(values).all() for values in after)


def test_sound_steps_are_what_they_were():
    guarded, plain = faulty.build(adamw()), faulty.build(adamw())
    seen = step_by_step(guarded, [faulty.SOUND] * 4)
    for one, other in zip(seen[-1][1], without_guard(plain, [faulty.SOUND] * 4), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


def test_without_the_guard_the_faults_are_kept():
    for fault in (faulty.LOSS, faulty.STATISTICS):
        after = without_guard(faulty.build(adamw()), [faulty.SOUND, fault, faulty.SOUND])
        assert not all(np.isfinite(values).all() for values in after)


def test_what_loss_scaling_leaves_out_is_no_fault_until_the_scale_cannot_fall():
    model = faulty.build(adamw(), "mixed_float16")
    faults = [faulty.SOUND, faulty.GRADIENT, faulty.LOSS, faulty.LAYER, faulty.SOUND]
    seen = step_by_step(model, faults)
    assert [verdict.sound for verdict, _ in seen] == [True, True, False, False, True]
    assert float(model.optimizer.dynamic_scale) == 1.0, "halved by the step that it left out, and by no other"
    assert int(model.optimizer.iterations) == 2
    for one, other in zip(seen[1][1], seen[3][1], strict=True):
        np.testing.assert_array_equal(one, other)
    model.optimizer.dynamic_scale.assign(1e-5)
    guard = model.optimizer.apply.__self__
    model.train_function(iter(faulty.batches([faulty.GRADIENT])))
    assert guard.verdict().what == "the gradients became no numbers"
    assert float(model.optimizer.dynamic_scale) == pytest.approx(1e-5)


def test_a_step_that_would_carry_weights_to_infinity_is_not_taken():
    model = faulty.build(keras.optimizers.SGD(1e38))
    (verdict, after), *_ = step_by_step(model, [faulty.SOUND])
    assert not verdict.sound
    assert verdict.computed, "no layer is to blame"
    assert verdict.what == "the learning rate is so high that the step would carry weights to infinity"
    assert all(np.isfinite(values).all() for values in after)
    assert int(model.optimizer.iterations) == 0
