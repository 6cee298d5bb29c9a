"""Writing a source in another layout: whole, or not at all."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ...errors import UsageError
from ...files import folder_beside
from ...machine import workers
from ...progress import progress
from ..example import Source
from .base import Writer
from .coco import CocoWriter
from .folder import FolderWriter
from .registry import FORMATS
from .voc import VocWriter
from .yolo import YoloWriter

_AT_ONCE = 64

WRITERS: dict[str, type[Writer]] = {"folder": FolderWriter, "voc": VocWriter, "coco": CocoWriter, "yolo": YoloWriter}


@dataclass(frozen=True)
class Converted:
    """What was written: the source that opens it, how many examples, and what changed in words -> how often."""

    source: str
    examples: int
    changed: Mapping[str, int]


def convert(source: Source, layout: str, out: Path, *, needs: str, quiet: bool = False) -> Converted:
    """Write the examples of a source below a new folder.

    Raises:
        UsageError: the layout does not hold what is needed, or there is something at `out`.
        DataError: an example cannot be loaded or written.
    """
    if needs not in FORMATS[layout]:
        fitting = [name for name, holds in FORMATS.items() if needs in holds]
        advice = f"give --to {' or '.join(fitting)}" if fitting else "give --needs mask, labels or boxes"
        raise UsageError(f"--to {layout} holds {' or '.join(FORMATS[layout])}, not {needs}: {advice}")
    with folder_beside(out) as folder:
        writer = WRITERS[layout](folder, source.class_names, needs)
        pool, title = ThreadPoolExecutor(workers()), f"write {out}"
        with pool, progress(total=len(source), desc=title, unit="image", quiet=quiet, delay=0.5, leave=False) as bar:
            # A few at a time, so that the pictures in memory stay few.
            for start in range(0, len(source), _AT_ONCE):
                indices = range(start, min(start + _AT_ONCE, len(source)))
                for index, example in zip(indices, pool.map(source.load, indices)):
                    writer.add(example, source.picture_file(index))
                    bar.update()
        writer.finish()
    changed = {text: count for text, count in writer.changed.items() if count}
    return Converted(writer.source.format(out), len(source), changed)
