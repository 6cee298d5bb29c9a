"""How often a client may come: a bucket each, that fills up again with time."""

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

from .refusal import RefusedError

BURST_SECONDS = 2.0
"""So many seconds' worth may come at once after a rest."""

MOST_CLIENTS = 10_000
"""Clients that are remembered; those that came longest ago are forgotten first."""


class Rates:
    """Buckets of `rate` pictures a second for each client; 0 lets all through."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic):
        self.rate, self._clock = rate, clock
        self._room = max(1.0, rate * BURST_SECONDS)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when that was

    def take(self, client: str) -> None:
        """Count a picture of a client; RefusedError where it sends too many."""
        if not self.rate:
            return
        now = self._clock()
        left, then = self._buckets.pop(client, (self._room, now))
        left = min(self._room, left + (now - then) * self.rate)
        self._buckets[client] = (left - 1 if left >= 1 else left), now
        while len(self._buckets) > MOST_CLIENTS:
            self._buckets.popitem(last=False)
        if left < 1:
            raise RefusedError(
                429,
                f"more than {self.rate:g} pictures a second came from this client: send them more slowly",
                retry_seconds=(1 - left) / self.rate,
            )


def client_name(host: str) -> str:
    """Tell clients apart: by address, of IPv6 by network, since one has as many addresses there as it likes."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
