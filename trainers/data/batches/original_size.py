"""A source gone through once with its labels at their own size: what models are judged by."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ...errors import UsageError
from ...machine import workers
from ...progress import progress
from ..example import Example, Source
from ..fit import fit_image


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
        example = source.load(index)
        return fit_image(example.image, size, resizing), example

    pending: deque[Future[tuple[np.ndarray, Example]]] = deque()
    with (
        ThreadPoolExecutor(workers()) as pool,
        progress(total=len(source), desc=description, unit="image", quiet=quiet) as bar,
    ):
        for start in range(0, len(source), batch_size):
            # Two batches ahead keep the model busy and the memory bounded.
            ahead = range(start + len(pending), min(start + 3 * batch_size, len(source)))
            pending.extend(pool.submit(prepare, index) for index in ahead)
            ready = [pending.popleft().result() for _ in range(min(batch_size, len(pending)))]
            yield np.stack([image for image, _ in ready]), [example for _, example in ready]
            bar.update(len(ready))
