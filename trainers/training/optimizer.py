"""The optimizers of a training, with a rise and a fall of the learning rate."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="metricfit")
class PolynomialFall(keras.optimizers.schedules.LearningRateSchedule):
    """base (1 - k / steps)^power at step k (lovasz_softmax.md, eq. 16), times a linear rise over `warmup` steps."""

    def __init__(self, base: float, steps: int, power: float = 0.9, warmup: int = 0):
        self.base, self.steps, self.power, self.warmup = base, steps, power, warmup

    def __call__(self, step: Any) -> tf.Tensor:
        """Give the learning rate of a step, float32."""
        step = tf.cast(step, tf.float32)
        fall = (tf.maximum(self.steps - step, 0.0) / self.steps) ** self.power
        return self.base * fall * tf.minimum((step + 1) / max(1, self.warmup), 1.0)

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal schedule."""
        return {"base": self.base, "steps": self.steps, "power": self.power, "warmup": self.warmup}


@keras.saving.register_keras_serializable(package="metricfit")
class Slowed(keras.optimizers.schedules.LearningRateSchedule):
    """Another schedule times a factor that may be set while a training runs."""

    def __init__(self, schedule: keras.optimizers.schedules.LearningRateSchedule, factor: float | tf.Variable):
        self.schedule, self.factor = schedule, factor

    def __call__(self, step: Any) -> tf.Tensor:
        """Give the learning rate of a step, float32."""
        return self.schedule(step) * self.factor

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that build an equal schedule, with the factor that it has now."""
        return {"schedule": keras.saving.serialize_keras_object(self.schedule), "factor": float(self.factor)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Slowed":
        """Make the schedule again."""
        return cls(keras.saving.deserialize_keras_object(config["schedule"]), config["factor"])


def build_optimizer(config: Any, total_steps: int, factor: tf.Variable | None = None) -> keras.optimizers.Optimizer:
    """AdamW, or where a task lets it be chosen SGD, whose rate reaches 0 at `total_steps`, the end of the training.

    The rate is that of the configuration times `factor`, where there is one.
    """
    schedule = _schedule(config, total_steps)
    settings = {
        "learning_rate": schedule if factor is None else Slowed(schedule, factor),
        "weight_decay": config.weight_decay,
        "global_clipnorm": config.clip_norm,
        "use_ema": config.ema > 0,
        "ema_momentum": config.ema or 0.99,
    }
    if getattr(config, "optimizer", "adamw") == "sgd":
        optimizer = keras.optimizers.SGD(momentum=config.momentum, **settings)
    else:
        optimizer = keras.optimizers.AdamW(**settings)
    # alpha is the slope of a PReLU, which decay would turn into a ReLU.
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "alpha"])
    return optimizer


def _schedule(config: Any, total_steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    warmup = max(1, int(config.warmup_share * total_steps))
    if getattr(config, "schedule", "cosine") == "polynomial":
        return PolynomialFall(config.learning_rate, total_steps, config.power, warmup if config.warmup_share else 0)
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / warmup,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, total_steps - warmup),
    )
