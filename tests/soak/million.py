"""Sources of a million examples: how long they take to open, to scan, and to the first step, and what they hold.

python -m tests.soak.million --entries 1000000 --kinds folder auto coco
"""

import argparse
import contextlib
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from metricfit.trainers.data import kept_arrays
from metricfit.trainers.data.augmentation.settings import Augmentation, BoxAugmentation, LabelAugmentation
from metricfit.trainers.data.batches.order import Order
from metricfit.trainers.data.scan.kept import KeptScan
from metricfit.trainers.data.scan.looks import Looking, Told
from metricfit.trainers.data.scan.scanner import checked_source
from metricfit.trainers.data.sources import open_source
from metricfit.trainers.data.subset import split_for_selection
from metricfit.trainers.data.targets import TARGETS

ROOT = Path(__file__).parents[2]
MOST_LINKS = 60_000  # ext4 allows 65000 names of a file
BOXES = 7  # of a picture, as COCO has
LARGEST = 2048  # bytes that an example may take
NEEDS = {"folder": "mask", "auto": "mask", "labels": "labels", "coco": "boxes", "voc": "boxes", "yolo": "boxes"}
TASKS = {"mask": ("saliency", 32), "labels": ("segmentation", 32), "boxes": ("detection", 128)}
"""What is needed -> what is trained on it, and the side of the network's input."""


@dataclass(frozen=True)
class Measured:
    """Seconds, also of the processor, and bytes an example: those that stay, and the most at any time."""

    seconds: float
    processor: float = 0.0
    stays: float = 0.0
    most: float = 0.0
    said: str = ""


def linked(folder: Path, ending: str, entries: int, content: Callable[[int], Image.Image]) -> Iterator[str]:
    """Fill a folder with files of a few contents, as hard links; gives the stems."""
    folder.mkdir(parents=True)
    for number in range(entries):
        if number % MOST_LINKS == 0:
            first = folder / f"{number:07d}{ending}"
            content(number // MOST_LINKS).save(first)
        else:
            os.link(first, folder / f"{number:07d}{ending}")
        yield f"{number:07d}"


def picture(number: int) -> Image.Image:
    """Make a tiny photo."""
    return Image.fromarray(np.random.default_rng(number).integers(0, 255, (32, 32, 3), np.uint8))


def mask(number: int) -> Image.Image:
    """Make a tiny mask."""
    values = np.zeros((32, 32), np.uint8)
    values[4 : 20 + number % 8, 5:25] = 255
    return Image.fromarray(values)


def label_map(number: int) -> Image.Image:
    """Make a tiny class map."""
    return Image.fromarray(np.uint8(np.asarray(mask(number)) > 0))


def make(kind: str, folder: Path, entries: int, rng: random.Random) -> str:
    """Make a data set of a kind; gives what `open_source` takes."""
    stems = linked(folder / ("JPEGImages" if kind == "voc" else "images"), ".jpg", entries, picture)
    if kind in ("folder", "auto"):
        sum(1 for _ in zip(stems, linked(folder / "masks", ".png", entries, mask), strict=True))
    elif kind == "labels":
        sum(1 for _ in zip(stems, linked(folder / "labels", ".png", entries, label_map), strict=True))
        (folder / "classes.txt").write_text("sky\nroad\n")
    elif kind == "coco":
        _write_coco(folder, list(stems), rng)
        return f"coco:{folder / 'images'},{folder / 'instances.json'}"
    elif kind == "voc":
        (folder / "Annotations").mkdir(parents=True)
        for stem in stems:
            (folder / "Annotations" / f"{stem}.xml").write_text(_xml(rng))
    elif kind == "yolo":
        (folder / "labels").mkdir(parents=True)
        for stem in stems:
            rows = (f"{rng.randrange(3)} 0.5 0.5 0.{rng.randint(1, 9)} 0.{rng.randint(1, 9)}\n" for _ in range(BOXES))
            (folder / "labels" / f"{stem}.txt").write_text("".join(rows))
        (folder / "classes.txt").write_text("cat\ndog\nfox\n")
    return str(folder) if kind == "auto" else f"{'folder' if kind == 'labels' else kind}:{folder}"


def _write_coco(folder: Path, stems: list[str], rng: random.Random) -> None:
    with (folder / "instances.json").open("w") as file:
        file.write('{"categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}], "images": [')
        for number, stem in enumerate(stems):
            head = "," if number else ""
            file.write(f'{head}{{"id": {number}, "file_name": "{stem}.jpg", "width": 32, "height": 32}}\n')
        file.write('], "annotations": [')
        for number in range(BOXES * len(stems)):
            x, y, side = rng.randrange(20), rng.randrange(20), rng.randint(2, 11)
            file.write(
                f'{"," if number else ""}{{"id": {number}, "image_id": {number // BOXES}, "category_id": '
                f'{1 + number % 2}, "bbox": [{x}, {y}, {side}, {side}], "area": {side * side}, "iscrowd": 0}}\n'
            )
        file.write("]}")


def _xml(rng: random.Random) -> str:
    box = (
        "<object><name>{}</name><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>30</xmax><ymax>31</ymax></bndbox></object>"
    )
    boxes = "".join(
        box.format(rng.choice(("cat", "dog")), rng.randint(1, 20), rng.randint(1, 20)) for _ in range(BOXES)
    )
    return f"<annotation><size><width>32</width><height>32</height></size>{boxes}</annotation>"


def bytes_held() -> int:
    """Give the memory of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def measured(work: Callable[[], Any], entries: int) -> tuple[Measured, Any]:
    """Do something once, from a fresh peak of memory."""
    Path("/proc/self/clear_refs").write_text("5")
    before, begun, spent = bytes_held(), time.monotonic(), time.process_time()
    result = work()
    seconds, spent, after = time.monotonic() - begun, time.process_time() - spent, bytes_held()
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    most = int(peak.split()[1]) * 1024
    return Measured(seconds, spent, (after - before) / entries, (most - before) / entries), result


def first_step(text: str, needs: str, folder: Path) -> float:
    """Start a training of a tiny network, as the command does, and end it after its first step; gives the seconds."""
    begun = time.monotonic()
    import keras

    from metricfit.app import cli
    from tests.conftest import registered

    found: list[float] = []

    def ended(*_: object, **__: object) -> None:
        found.append(time.monotonic() - begun)
        raise KeyboardInterrupt

    keras.callbacks.CallbackList.on_train_batch_end = ended
    task, size = TASKS[needs]
    words = ["train", task, "--data", text, "--out", str(folder), "--quiet", "--size", str(size)]
    with registered():
        cli.main([*words, "--backbone", "tiny", "--epochs", "1", "--weights", "none"])
    return found[0]


def first_batch(text: str, needs: str) -> None:
    """Give the first batch of a training, whose network is not made."""
    from metricfit.trainers.data.batches.pipeline import training_batches

    training, _ = split_for_selection(checked_source(text, needs=needs, quiet=True))
    augmentation = {"mask": Augmentation, "labels": LabelAugmentation, "boxes": BoxAugmentation}[needs]()
    settings = {"size": TASKS[needs][1], "batch_size": 16, "seed": 0, "resizing": "stretch"}
    next(iter(training_batches(training, TARGETS[needs], augmentation=augmentation, **settings)))


def note(text: str, needs: str) -> None:
    """Keep a scan in which every example is as the first one, without looking at the others."""
    with kept_arrays.keeping(True):
        source = open_source(text, needs=needs)
        kept, looking = KeptScan.of(source, needs, quiet=True), Looking(len(source))
        found = source.load(0)
        facts = TARGETS[needs].facts(found, source.class_names)
        assert kept is not None
        assert facts is not None
        for index in range(len(source)):
            looking.add(index, Told(), {needs: tuple(facts.row())})
        kept.keep(looking.looks())


def step(name: str, kind: str, text: str, entries: int) -> Measured:
    """Do one step in this process, which has done nothing before."""
    if name == "open":
        return measured(lambda: open_source(text, needs=NEEDS[kind]), entries)[0]
    if name == "noted":
        return measured(lambda: note(text, NEEDS[kind]), entries)[0]
    if name in ("scan", "again"):
        found, source = measured(lambda: checked_source(text, needs=NEEDS[kind], quiet=True), entries)
        return replace(found, said=f"{len(source)} {source.names.digest()}")
    if name == "batch":
        return measured(lambda: first_batch(text, NEEDS[kind]), entries)[0]
    if name == "shuffle":
        order = Order(entries, 16, 0)
        return measured(lambda: order[0], entries)[0]
    if name == "halves":
        source = open_source(text, needs=NEEDS[kind])
        return measured(lambda: split_for_selection(source), entries)[0]
    with tempfile.TemporaryDirectory() as folder:
        return Measured(first_step(text, NEEDS[kind], Path(folder) / "run"), time.process_time())


def in_fresh_process(name: str, kind: str, text: str, entries: int, cache: Path) -> Measured:
    """Do one step in a process of its own."""
    command = [sys.executable, "-m", "tests.soak.million", "--step", name, kind, text, str(entries)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "XDG_CACHE_HOME": str(cache)}, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{name} of {kind} ended with {done.returncode}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def attempt(kind: str, folder: Path, entries: int, rng: random.Random, decoded: bool = True) -> str:
    """Measure one kind of source; gives what is wrong, empty if nothing is."""
    begun = time.monotonic()
    text = make(kind, folder / "data", entries, rng)
    print(f"{kind}: {entries} entries made in {time.monotonic() - begun:.0f} s", flush=True)
    time.sleep(3)  # files of just now would not be kept
    first = "scan" if decoded else "noted"
    steps = ["open", first, "again", "halves", "shuffle", "batch", "step"]
    found = {}
    for name in steps:
        found[name] = one = in_fresh_process(name, kind, text, entries, folder / "cache")
        print(
            f"{kind:8}{name:8}{one.seconds:9.2f} s ({one.processor:8.2f} s of the processor)  "
            f"{one.stays:8.0f} B an example stay, {one.most:8.0f} at most",
            flush=True,
        )
    kept = sum(path.stat().st_size for path in (folder / "cache").rglob("*") if path.is_file())
    print(f"{kind:8}kept    {kept / entries:9.1f} B an example on the disk", flush=True)
    large = [name for name in ("open", first, "again") if found[name].stays > LARGEST]
    if decoded and found[first].said != found["again"].said:
        return "a kept scan gives another source"
    return f"{', '.join(large)}: more than {LARGEST} B an example" if large else ""


def main() -> int:
    """Make data sets and measure them; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--kinds", nargs="+", choices=NEEDS, default=["folder", "auto", "labels", "coco"])
    parser.add_argument(
        "--without-decoding", action="store_true", help="keep a scan of the first example for all of them"
    )
    parser.add_argument(
        "--folder", type=Path, default=None, help="where to make them; by default among temporary files"
    )
    options = parser.parse_args()
    rng, failed, tried = random.Random(options.seed), 0, 0
    for _ in range(options.times):
        for kind in options.kinds:
            folder = Path(tempfile.mkdtemp(prefix="million-", dir=options.folder))
            try:
                wrong = attempt(kind, folder, options.entries, rng, not options.without_decoding)
            finally:
                with contextlib.suppress(OSError):
                    shutil.rmtree(folder)
            tried, failed = tried + 1, failed + bool(wrong)
            print(f"{kind} of {options.entries}: {wrong or 'passed'}", flush=True)
    print(f"million: tried {tried}, passed {tried - failed}, failed {failed}")
    return int(failed > 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--step"]:
        name, kind, text, entries = sys.argv[2:]
        print(json.dumps(asdict(step(name, kind, text, int(entries)))))
        sys.exit(0)
    sys.exit(main())
