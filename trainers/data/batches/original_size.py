"""A source gone through once with its labels at their own size: what models are judged by."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from tqdm import tqdm

from ...errors import UsageError
from ...machine import workers
from ..example import Example, Source
from ..fit import fit_image

Pair = tuple[np.ndarray, Example]


def original_size_examples(
    source: Source,
    size: int,
    batch_size: int = 16,
    quiet: bool = False,
    description: str = "evaluate",
    resizing: str = "stretch",
) -> Iterator[tuple[np.ndarray, list[Example]]]:
    """Go through a source once for evaluation at the labels' own size.

    Args:
        source: where examples come from.
        size: side of the model's input, in pixels.
        batch_size: pictures a batch; the last may have fewer.
        quiet: no progress bar.
        description: what the progress bar says.
        resizing: how a picture becomes the input, `stretch` or `pad`; see `fit_image`.

    Yields:
        Images uint8 [b, size, size, 3], and the b examples they come from, at their own size.

    Raises:
        UsageError: `batch_size` is below 1.
    """
    if batch_size < 1:
        raise UsageError(f"batch_size must be at least 1, got {batch_size}")

    def prepare(index: int) -> Pair:
        example = source.load(index)
        return fit_image(example.image, size, resizing), example

    batch: list[Pair] = []
    with (
        ThreadPoolExecutor(workers()) as pool,
        tqdm(total=len(source), desc=description, unit="image", disable=quiet or None) as bar,
    ):
        # Two batches ahead keep the model busy and the memory bounded.
        for pair in _in_order(pool, prepare, len(source), ahead=2 * batch_size):
            batch.append(pair)
            if len(batch) == batch_size:
                yield _stacked(batch)
                bar.update(len(batch))
                batch = []
        if batch:
            yield _stacked(batch)
            bar.update(len(batch))


def _in_order(pool: ThreadPoolExecutor, function: Callable[[int], Pair], count: int, ahead: int) -> Iterator[Pair]:
    """Give function(0), function(1), ... while the next ones are computed."""
    pending: deque[Future[Pair]] = deque()
    for index in range(count):
        pending.append(pool.submit(function, index))
        if len(pending) > ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _stacked(batch: list[Pair]) -> tuple[np.ndarray, list[Example]]:
    return np.stack([image for image, _ in batch]), [example for _, example in batch]
