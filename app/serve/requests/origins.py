"""Who may call the server, and by which name: a web page of somebody else may not."""

from collections.abc import Iterable

from starlette.requests import Request

from ..options import is_loopback
from .refusal import RefusedError

_LOCAL = ("localhost", "127.0.0.1", "::1")


class Origins:
    """The names by which the server may be called.

    A page of another site could give its own name the address 127.0.0.1, and read what the server answers to it (DNS
    rebinding); so at that address only known names are good.

    Args:
        names: the names, without a port; empty for any.
    """

    def __init__(self, names: Iterable[str] = ()):
        self._names = frozenset(name.lower().strip("[]").rstrip(".") for name in names)

    def check(self, request: Request) -> None:
        """Refuse a request under another name (421), and what a page of another site sends (403)."""
        if self._names and (name := host_name(request.headers.get("host", ""))) not in self._names:
            known = ", ".join(sorted(self._names))
            raise RefusedError(
                421, f"the server is not called {name[:100]!r}: call it {known}, or start it with --allow-host"
            )
        if request.method not in ("GET", "HEAD") and request.headers.get("sec-fetch-site") == "cross-site":
            raise RefusedError(403, "a web page of another site sent this: open the server's own page")


def origins_for(host: str, allowed: Iterable[str]) -> Origins:
    """Give the names that are good where the server listens at `host`, and those that were allowed besides."""
    allowed = tuple(allowed)
    if is_loopback(host):
        return Origins((*_LOCAL, host, *allowed))
    return Origins((*_LOCAL, host, *allowed) if allowed else ())


def host_name(header: str) -> str:
    """Give the name in a Host header, without port and brackets, in lower case."""
    header = header.strip().lower()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].rstrip(".")
