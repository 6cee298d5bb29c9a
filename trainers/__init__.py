"""Training: data, models, metrics, judges; and the tasks as attributes: `metricfit.trainers.saliency.train(config)`."""

from typing import Any


def __getattr__(name: str) -> Any:
    # Imported when first asked for: configurations and errors must not wait for TensorFlow.
    from .tasks import CONFIGS, get_task

    if name in CONFIGS:
        return get_task(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    from .tasks import CONFIGS

    return sorted([*globals(), *CONFIGS])
