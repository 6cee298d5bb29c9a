"""A training step that leaves everything as it was where its numbers are none, at nearly no cost."""

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from ....losses.replicas import added_up, replica_context
from ..devices.keras_replicas import without_second_sum

LARGEST_REACH = 1e30
"""Learning rate times norm of the gradients, from which on a step could carry weights out of float32."""

LEAST_SCALE = 1e-4
"""Of the loss in mixed precision: gradients that are no numbers at a scale below are not so because of the scale."""


@dataclass(frozen=True)
class Verdict:
    """What a step came to: its loss, gradients' norm, statistics (their sum) and reach; not finite where at fault."""

    loss: float
    gradients: float
    statistics: float
    reach: float

    @property
    def sound(self) -> bool:
        """Whether everything is a number, so that the step was taken."""
        return all(map(math.isfinite, (self.loss, self.gradients, self.statistics, self.reach)))

    @property
    def computed(self) -> bool:
        """Whether all that was computed is a number, so that no layer is to blame."""
        return all(map(math.isfinite, (self.loss, self.gradients, self.statistics)))

    @property
    def what(self) -> str:
        """Say what is at fault first."""
        if not math.isfinite(self.loss):
            return f"the loss became {self.loss}"
        if not math.isfinite(self.gradients):
            return "the gradients became no numbers"
        if not math.isfinite(self.statistics):
            return "the moving statistics became no numbers"
        return "the learning rate is so high that the step would carry weights to infinity"


class GuardedStep:
    """Looks at each training step of a compiled model before it is taken, in the step's own graph.

    A step whose loss, gradients or moving statistics are not finite changes neither weights nor statistics, optimizer,
    averages and metrics. Gradients that a `LossScaleOptimizer` leaves out on purpose are its own affair, as long as
    its scale can still fall. One pass over the gradients is all that it costs. Devices that take a step together add
    up their gradients before these are looked at, clipped and applied, so that all of them decide alike.

    Args:
        model: compiled; its `train_step` and its optimizer's `apply` are guarded from now on. Its metrics must be built
            before the first step (`metric_states.build_metrics`): in the midst of it nothing can be read of before it.
        wishes: how many numbers each process hands over in a step, which all get the sums of.
    """

    def __init__(self, model: keras.Model, wishes: int = 0) -> None:
        self.model, self.optimizer = model, model.optimizer
        self._wish = tf.Variable([0.0] * wishes, trainable=False, name="wish")
        self._wished = tf.Variable([0.0] * wishes, trainable=False, name="wished")
        self._seen = tf.Variable([0.0] * 4, trainable=False, name="seen")
        self._step, self._apply, self._scale = model.train_step, self.optimizer.apply, self.optimizer.scale_loss
        self._here = threading.local()  # devices take turns in threads of their own while the step is traced
        model.train_step = self._guarded_step
        self.optimizer.apply, self.optimizer.scale_loss = self._guarded_apply, self._noted_loss
        without_second_sum(self.optimizer)
        model.train_function = None

    def verdict(self) -> Verdict:
        """Give what the last step came to."""
        return Verdict(*map(float, self._seen.numpy()))

    def wish(self, numbers: Sequence[float]) -> None:
        """Set what this process hands over in the next step."""
        self._wish.assign(numbers)

    def wished(self) -> list[float]:
        """Give the sums of what all devices handed over in the last step."""
        return list(map(float, self._wished.numpy()))

    def _guarded_step(self, data: Any) -> dict[str, Any]:
        changing = [*_small(self.model), *self.model.metrics_variables]
        before = [tf.identity(variable.value) for variable in changing]
        logs = self._step(data)

        def put_back() -> None:
            for variable, value in zip(changing, before, strict=True):
                variable.assign(value)

        tf.cond(self._here.sound, lambda: None, put_back)
        # What the step itself gave was computed of metrics that may have been put back.
        return _alike({**logs, **self.model.get_metrics_result()})

    def _noted_loss(self, loss: Any) -> Any:
        self._here.loss = tf.cast(loss, tf.float32)
        return self._scale(loss)

    def _guarded_apply(self, gradients: Any, trainable_variables: Any = None) -> None:
        context = replica_context()
        if context:
            gradients = _summed(context, gradients)
        statistics = tf.add_n([tf.reduce_sum(variable.value) for variable in _statistics(self.model)] or [tf.zeros(())])
        squares = tf.add_n([tf.nn.l2_loss(tf.convert_to_tensor(one)) for one in gradients if one is not None])
        norm = tf.sqrt(2 * tf.cast(squares, tf.float32))
        if isinstance(self.optimizer, keras.optimizers.LossScaleOptimizer):
            scale = tf.convert_to_tensor(self.optimizer.dynamic_scale)
            norm = tf.where(scale > LEAST_SCALE, tf.where(tf.math.is_finite(norm), norm, 0.0), norm) / scale
        clip = getattr(self.optimizer, "inner_optimizer", self.optimizer).global_clipnorm
        taken = norm if clip is None else tf.minimum(norm, clip)
        reach = tf.cast(self.optimizer.learning_rate, tf.float32) * (1 + taken)
        reach = tf.where(reach < LARGEST_REACH, reach, math.inf)
        loss, count = self._here.loss, context.num_replicas_in_sync if context else 1
        # The devices' losses add up to that of the batch, the other numbers are the same everywhere.
        seen = tf.stack([loss, norm / count, statistics / count, reach / count])
        if context:
            (everything,) = added_up(context, [tf.concat([seen, self._wish], 0)])
            seen, wished = tf.split(everything, [seen.shape[0], self._wish.shape[0]])
            self._wished.assign(wished)
        self._seen.assign(seen)
        self._here.sound = sound = tf.reduce_all(tf.math.is_finite(seen))
        if context:
            context.merge_call(self._apply_everywhere, args=(sound, gradients, trainable_variables))
        else:
            tf.cond(sound, lambda: self._apply(gradients, trainable_variables), lambda: None)

    def _apply_everywhere(self, strategy: tf.distribute.Strategy, sound: Any, gradients: Any, variables: Any) -> None:
        """Apply gradients of all devices if sound; a device of its own may not merge with others within a condition."""

        def apply() -> None:
            strategy.extended.call_for_each_replica(self._apply, args=(gradients, variables))

        tf.cond(strategy.experimental_local_results(sound)[0], apply, lambda: None)


def _summed(context: Any, gradients: Any) -> list[Any]:
    """Add up gradients over the devices; those that are None stay so."""
    there = [one for one in gradients if one is not None]
    sums = iter(added_up(context, there))
    return [one if one is None else next(sums) for one in gradients]


def _alike(logs: dict[str, Any]) -> dict[str, Any]:
    """Give the mean of logs over the devices, the same on each."""
    if not (context := replica_context()):
        return logs
    values = tf.stack([tf.cast(value, tf.float32) for value in tf.nest.flatten(logs)])
    (total,) = added_up(context, [values])
    return dict(tf.nest.pack_sequence_as(logs, tf.unstack(total / context.num_replicas_in_sync)))


def _small(model: keras.Model) -> list[Any]:
    """Give what a step changes besides weights: vectors and numbers; a frozen layer's kernel stands still."""
    return [variable for variable in model.non_trainable_variables if len(variable.shape) <= 1]


def _statistics(model: keras.Model) -> list[Any]:
    return [variable for variable in _small(model) if "float" in str(variable.dtype)]
