"""Work on many items in several threads, given back in order: never more of it at once than is needed."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ...machine import workers

ItemT = TypeVar("ItemT")
FoundT = TypeVar("FoundT")

_AT_ONCE = 8  # items a thread takes, so that handing over costs little beside them
_AHEAD = 4  # such portions for each thread, so that a slow item keeps no other thread waiting


def in_order(work: Callable[[ItemT], FoundT], items: Sequence[ItemT]) -> Iterator[FoundT]:
    """Give what `work` makes of each item, in the order of the items; what fails is raised there."""
    pending: deque[Future[list[FoundT]]] = deque()
    with ThreadPoolExecutor(workers()) as pool:
        try:
            for start in range(0, len(items), _AT_ONCE):
                pending.append(pool.submit(lambda part: [work(item) for item in part], items[start : start + _AT_ONCE]))
                if len(pending) >= _AHEAD * workers():
                    yield from pending.popleft().result()
            while pending:
                yield from pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
