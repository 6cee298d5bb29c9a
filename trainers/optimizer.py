"""The optimizer of every training: AdamW with a rise and a fall of the learning rate."""

import keras


def build_optimizer(config, total_steps: int) -> keras.optimizers.Optimizer:
    """AdamW with a linear rise and a cosine fall of the learning rate.

    Args:
        config: gives learning_rate, warmup_share, weight_decay, clip_norm and ema.
        total_steps: steps of the whole training; the rate reaches 0 there.
    """
    warmup = max(1, int(config.warmup_share * total_steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=config.learning_rate / warmup,
        warmup_target=config.learning_rate,
        warmup_steps=warmup,
        decay_steps=max(1, total_steps - warmup),
    )
    optimizer = keras.optimizers.AdamW(
        schedule,
        weight_decay=config.weight_decay,
        global_clipnorm=config.clip_norm,
        use_ema=config.ema > 0,
        ema_momentum=config.ema or 0.99,
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer
