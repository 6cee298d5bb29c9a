"""Which part of each batch is whose, where several devices or processes take a step together. Imports no TensorFlow."""

from dataclasses import dataclass
from typing import Any

from ...errors import UsageError


@dataclass(frozen=True)
class Share:
    """The part of every batch that one process prepares: of all pictures those that its devices get, in their order.

    The whole batch is what it would be on one device; device d of all D gets the d-th of D equal parts of it.

    Attributes:
        worker: which process this is, from 0.
        workers: how many there are.
        devices: of each process.
    """

    worker: int = 0
    workers: int = 1
    devices: int = 1

    @property
    def replicas(self) -> int:
        """All devices that take a step together."""
        return self.workers * self.devices

    def of_a_device(self, batch_size: int) -> int:
        """Give the pictures of a device in a whole batch; UsageError where the batch does not divide."""
        if batch_size % self.replicas:
            raise UsageError(
                f"--batch-size {batch_size} is that of all {self.replicas} devices together, which get equal parts of "
                f"it: give a multiple of {self.replicas}"
            )
        return batch_size // self.replicas

    def position(self, place: Any, batch_size: int) -> Any:
        """Give where the picture stands in the whole stream that this process prepares at a place, int or tensor."""
        own = self.of_a_device(batch_size) * self.devices
        return place // own * batch_size + self.worker * own + place % own

    def measured(self, length: int, batch_size: int) -> list[int]:
        """Give the places of the pictures that this process measures, of so many: those of every so manyth batch.

        A batch stays whole, as it is on one device, the last and smaller one, too.
        """
        starts = range(self.worker * batch_size, length, self.workers * batch_size)
        return [place for start in starts for place in range(start, min(start + batch_size, length))]


WHOLE = Share()
"""All of it, on one device."""
