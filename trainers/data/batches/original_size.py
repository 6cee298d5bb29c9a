"""A source gone through once with its labels at their own size: what models are judged by."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ...errors import UsageError
from ...machine import memory, workers
from ...progress import progress
from ..example import Example, Source
from ..fit import fit_image
from ..large.turns import TURNS


def original_size_examples(
    source: Source,
    size: int,
    batch_size: int = 16,
    quiet: bool = False,
    description: str = "evaluate",
    resizing: str = "stretch",
) -> Iterator[tuple[np.ndarray, list[Example]]]:
    """Go through a source once: images uint8 [b, size, size, 3], b at most `batch_size`, and the b examples."""
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1, got {batch_size}")

    def prepare(index: int) -> tuple[np.ndarray, Example]:
        with TURNS.taken():
            example = source.load(index)
        return fit_image(example.image, size, resizing, example.size), example

    largest = 0
    pending: deque[Future[tuple[np.ndarray, Example]]] = deque()
    with (
        ThreadPoolExecutor(workers()) as pool,
        progress(total=len(source), desc=description, unit="image", quiet=quiet) as bar,
    ):
        for start in range(0, len(source), batch_size):
            # Two batches ahead keep the model busy, where memory holds them with their labels.
            batches = 3 if 3 * batch_size * largest <= memory() // 8 else 1
            ahead = range(start + len(pending), min(start + batches * batch_size, len(source)))
            pending.extend(pool.submit(prepare, index) for index in ahead)
            ready = [pending.popleft().result() for _ in range(min(batch_size, len(pending)))]
            largest = max(largest, *(_bytes(example) for _, example in ready))
            images, examples, count = np.stack([image for image, _ in ready]), [one for _, one in ready], len(ready)
            del ready
            yield images, examples
            del images, examples  # before the next ones come
            bar.update(count)


def _bytes(example: Example) -> int:
    return sum(part.nbytes for part in (example.image, example.mask, example.labels) if part is not None)
