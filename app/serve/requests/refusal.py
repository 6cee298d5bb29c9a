"""How a request is refused: a status, one sentence, and when to come again."""

import json
import math


class RefusedError(Exception):
    """A request that is not answered with a picture's result.

    Args:
        status: of HTTP.
        sentence: what was expected, what was found, what to do.
        retry_seconds: when to come again, where that helps.
        allow: the methods that the place knows, where another was used.
    """

    def __init__(self, status: int, sentence: str, *, retry_seconds: float | None = None, allow: str = ""):
        super().__init__(sentence)
        self.status, self.retry_seconds, self.allow = status, retry_seconds, allow

    @property
    def body(self) -> bytes:
        """The sentence as JSON."""
        return json.dumps({"error": str(self)}, ensure_ascii=False).encode()

    @property
    def headers(self) -> dict[str, str]:
        """What the answer's headers say of it."""
        said = {"content-type": "application/json"}
        if self.retry_seconds is not None:
            said["retry-after"] = str(max(1, math.ceil(self.retry_seconds)))
        if self.allow:
            said["allow"] = self.allow
        return said
