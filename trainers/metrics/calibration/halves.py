"""Which half of a data set a picture is in: by its name, whatever comes before it and whatever is left out."""

import hashlib


def half_of(name: str) -> int:
    """Give 0 or 1 for the name of a picture."""
    return hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=1).digest()[0] & 1
