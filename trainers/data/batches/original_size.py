"""A source gone through once with its labels at their own size: what models are judged by."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from ...errors import DataError, UsageError
from ...geometry import InputSize
from ...machine import memory, workers
from ...progress import progress
from ..example import Example, Source
from ..fit import fit_image
from ..large.turns import TURNS


def original_size_examples(
    source: Source,
    size: InputSize,
    batch_size: int = 16,
    quiet: bool = False,
    description: str = "evaluate",
    resizing: str = "stretch",
    passed_over: Callable[[int, DataError], None] | None = None,
) -> Iterator[tuple[np.ndarray, list[Example]]]:
    """Go through a source once: images uint8 [b, h, w, 3], b at most `batch_size`, and the b examples.

    An example that cannot be loaded is raised, or else left out of its batch, and its place and the error handed to
    `passed_over`.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1, got {batch_size}")

    def prepare(index: int) -> tuple[np.ndarray, Example] | DataError:
        with TURNS.taken():
            try:
                example = source.load(index)
            except DataError as error:
                if passed_over is None:
                    raise
                return error
        return fit_image(example.image, size, resizing, example.size), example

    largest = 0
    pending: deque[Future[tuple[np.ndarray, Example] | DataError]] = deque()
    with (
        ThreadPoolExecutor(workers()) as pool,
        progress(total=len(source), desc=description, unit="image", quiet=quiet) as bar,
    ):
        for start in range(0, len(source), batch_size):
            # Two batches ahead keep the model busy, where memory holds them with their labels.
            batches = 3 if 3 * batch_size * largest <= memory() // 8 else 1
            ahead = range(start + len(pending), min(start + batches * batch_size, len(source)))
            pending.extend(pool.submit(prepare, index) for index in ahead)
            done = [pending.popleft().result() for _ in range(min(batch_size, len(pending)))]
            for place, one in enumerate(done, start):
                if isinstance(one, DataError) and passed_over is not None:
                    passed_over(place, one)
            ready, count = [one for one in done if not isinstance(one, DataError)], len(done)
            del done
            if ready:
                largest = max(largest, *(_bytes(example) for _, example in ready))
                images, examples = np.stack([image for image, _ in ready]), [example for _, example in ready]
                del ready
                yield images, examples
                del images, examples  # before the next ones come
            bar.update(count)


def _bytes(example: Example) -> int:
    return sum(part.nbytes for part in (example.image, example.mask, example.labels) if part is not None)
