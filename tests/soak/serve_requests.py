"""Sends random requests to a service in this process: none may end in 500, hang, or keep anything.

python -m tests.soak.serve_requests --times 20000 --seed 1
"""

import argparse
import asyncio
import io
import json
import logging
import random
import sys

import numpy as np
from PIL import Image

from metricfit.app.serve.protocol import silence_libraries
from metricfit.app.serve.work.pictures import FORMATS

from ..app.fakes import disc
from ..app.serve.clients import RUNNERS, Reply, asked, encoded, form, service_of

KINDS = tuple(kind for kind in FORMATS if kind != "DIB")  # Pillow before 11.3 has no AVIF
GOOD = {200, 400, 403, 404, 405, 406, 408, 413, 415, 422}
_WORDS = (
    "output", "threshold", "view", "objects", "format", "embed", "json", "mask", "overlay", "cutout", "png", "jpeg",
    "true", "0.5", "nan", "-1", "1e999", "", "%00", "%ff", "\u00e9", "../../x", "a" * 500, "&", "=", ";",
)  # fmt: skip
_NAMES = (
    "accept", "content-type", "content-length", "content-encoding", "expect", "sec-fetch-site", "host", "cookie",
    "transfer-encoding", "x-forwarded-for", "range", "origin", "upgrade",
)  # fmt: skip
_VALUES = (
    "*/*", "image/png", "image/*;q=x", "q=0.1;;,,", "multipart/form-data", "multipart/form-data; boundary=", "gzip",
    'multipart/form-data; boundary="', "multipart/form-data; boundary=xyz", "0", "-1", "99999999999999999999", "many",
    "100-continue", "cross-site", "", "\xff\xfe", "a" * 3000, "identity", "websocket",
)  # fmt: skip


def pictures() -> list[bytes]:
    """Small pictures of every kind and of several modes."""
    found = [encoded(disc(40, 50, 20, 10), kind=kind) for kind in KINDS]
    for mode in ("1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F", "I"):
        file, kind = io.BytesIO(), "TIFF"
        image = Image.fromarray(disc(40, 50, 20, 10))
        image = image.convert("L").convert("I").convert(mode) if mode == "I;16" else image.convert(mode)
        image.save(file, kind)
        found.append(file.getvalue())
    return found


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Change, cut, repeat or lengthen some of it."""
    changed = bytearray(data)
    for _ in range(rng.choice([0, 1, 1, 2, 5, 30])):
        if not changed:
            break
        place, action = rng.randrange(len(changed)), rng.randrange(6)
        if rng.random() < 0.5:
            place = min(place, rng.randrange(1, 120), len(changed) - 1)  # headers matter most
        if action == 0:
            changed[place] ^= 1 << rng.randrange(8)
        elif action == 1:
            changed[place] = rng.choice([0, 255, 127, 128])
        elif action == 2:
            del changed[place : place + rng.randrange(1, 60)]
        elif action == 3:
            changed[place:place] = rng.randbytes(rng.randrange(1, 20))
        elif action == 4:
            changed[place : place + 4] = rng.choice([b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"])
        else:
            del changed[place:]
    return bytes(changed)


def random_request(rng: random.Random, known: list[bytes]) -> tuple[tuple, dict]:
    """Give the arguments of `asked` for a request that may be anything."""
    body = rng.choice(known) if rng.random() < 0.9 else rng.randbytes(rng.randrange(2000))
    body, headers = mutated(body, rng), {}
    if rng.random() < 0.4:
        parts = [("picture", rng.choice(["a.png", "", "../../x", 'q"'])[:20], body)]
        for _ in range(rng.choice([0, 0, 1, 3, 25])):
            parts.append((rng.choice(_WORDS), rng.choice([None, None, "b"]), rng.choice(_WORDS).encode()))
        rng.shuffle(parts)
        body, headers = form(*parts)
        if rng.random() < 0.5:
            body = mutated(body, rng)
    for _ in range(rng.choice([0, 0, 1, 3])):
        headers[rng.choice(_NAMES)] = rng.choice(_VALUES)
    query = "&".join(f"{rng.choice(_WORDS)}={rng.choice(_WORDS)}" for _ in range(rng.choice([0, 0, 0, 1, 3])))
    if rng.random() < 0.3:
        query = rng.choice(["output=mask", "output=overlay", "embed=1", "output=overlay&format=png&objects=1"])
    cuts = sorted(rng.randrange(len(body) + 1) for _ in range(rng.choice([0, 0, 1, 4])))
    chunks = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    path = "/predict" if rng.random() < 0.9 else rng.choice(["/", "/health", "/metrics", "/model", "/x", "/\u00e9", ""])
    method = "POST" if rng.random() < 0.9 else rng.choice(["GET", "HEAD", "PUT", "OPTIONS", "BREW"])
    query = query.encode("utf-8", "replace").decode("latin-1")
    return (path,), {"method": method, "query": query, "headers": headers, "chunks": chunks}


def fault(reply: Reply) -> str:
    """Say what is wrong with an answer; empty where it is as it should be."""
    if reply.status not in GOOD:
        return f"status {reply.status}: {reply.body[:200]!r}"
    if reply.status != 200:
        said = json.loads(reply.body)
        if set(said) != {"error"} or "Traceback" in said["error"] or " at 0x" in said["error"]:
            return f"it says {said}"
    return ""


async def run(times: int, seed: int) -> tuple[list[str], dict[int, int]]:
    """Send so many requests, some at a time; gives the faults, and how often each status came."""
    known, faults, counts = pictures(), [], {}
    services = [service_of(task, bytes=50_000, pixels=100_000, seconds=20.0, upload_seconds=5.0) for task in RUNNERS]

    async def one(number: int) -> None:
        rng = random.Random(f"{seed} {number}")
        arguments, settings = random_request(rng, known)
        reply = await asyncio.wait_for(asked(rng.choice(services), *arguments, **settings), 60)
        counts[reply.status] = counts.get(reply.status, 0) + 1
        if wrong := fault(reply):
            faults.append(f"try {number} of seed {seed}: {wrong}")

    for start in range(0, times, 16):
        done = await asyncio.gather(
            *(one(number) for number in range(start, min(start + 16, times))), return_exceptions=True
        )
        faults += [f"in the tries from {start} of seed {seed}: {error!r}" for error in done if error is not None]
    for service in services:
        kept = service._held.bytes, len(service.answers.line), service.answers.line._inside, service.answers.running
        if any(kept):
            faults.append(f"something is kept: {kept}")
        await asked(service, body=encoded(), chunks=None)
        service.answers.close()
    return faults, dict(sorted(counts.items()))


def main() -> int:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    logging.getLogger("metricfit").setLevel(logging.CRITICAL)
    silence_libraries()
    np.seterr(all="ignore")
    faults, counts = asyncio.run(run(options.times, options.seed))
    for line in faults:
        print(line)
    print("statuses:", ", ".join(f"{status} {count} times" for status, count in counts.items()))
    print(f"serve_requests: tried {options.times}, passed {options.times - len(faults)}, failed {len(faults)}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
