"""What `launch` can be told. Imports no TensorFlow."""

from dataclasses import dataclass

import tyro


@dataclass(frozen=True)
class LaunchOptions:
    """Start a training as several processes on this machine, to try out what several machines do: see docs/scaling.md.

    Everything behind -- is the training's command; --strategy multi_worker is added.

    Example: metricfit launch --workers 2 -- train saliency --data photos --out runs/photos
    """

    workers: int = 2
    """How many processes; --batch-size is that of all of them together. With GPUs each gets an equal part of them."""
    restarts: int = 0
    """How often all workers start again, and go on from the last checkpoint, after one of them was killed or failed."""
    grace: float = 30.0
    """Seconds that the other workers have to end in good order once one has failed, or this was told to end."""
    command: tyro.conf.Suppress[tuple[str, ...]] = ()
    """The words behind --."""
