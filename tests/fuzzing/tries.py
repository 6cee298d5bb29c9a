"""One try: a damaged file is read; the answer must be a result or a sentence, in time, with nothing left outside."""

import hashlib
import os
import random
import re
import resource
import shutil
import signal
import tempfile
import traceback
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from metricfit.trainers.errors import MetricfitError

from .base import Format
from .damage import damaged

LONGEST = 900  # characters of a sentence, without the folder's path
SECONDS = 30.0  # for one try; the machine may be busy
MEMORY = 6 << 30  # bytes of addresses beyond what there are
LARGEST = 1 << 20  # bytes of an input that is kept


class Hang(BaseException):
    """A try took too long; no reader catches it by mistake."""


@dataclass
class Tally:
    """What the tries of a format came to."""

    name: str
    outcomes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    failed: int = 0
    kept: int = 0

    @property
    def tried(self) -> int:
        """How many files were read."""
        return sum(self.outcomes.values())


@contextmanager
def limits() -> Iterator[None]:
    """Let a try hang or take all memory no longer than a while."""

    def stop(*_: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    low, high = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY, high))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (low, high))
        signal.signal(signal.SIGALRM, before)


def outcome_of(known: Format, data: bytes, root: Path) -> tuple[str, str]:
    """Read a damaged file in a folder below `root`; gives what came of it, and what is wrong with that, or nothing."""
    folder = root / "try"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in {**known.beside, known.file: data}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    try:
        with limits():
            known.read(folder)
    except MetricfitError as error:
        said = str(error).replace(str(folder), "FOLDER")
        wrong = faults_of(said) + _outside(root)
        return f"{type(error).__name__}: {template(said)}", f"{wrong}: {said}" if wrong else ""
    except Hang:
        return "hang", f"no answer after {SECONDS:g} s"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return (
            f"unexpected {type(error).__name__}",
            f"{type(error).__name__}: {error!s:.300} at {place.filename}:{place.lineno}",
        )
    return "read", _outside(root)


def faults_of(said: str) -> str:
    """Say what is wrong with a sentence."""
    first, *others = said.split("\n")
    # A scan lists what it found, a line each.
    listed = re.search(r"(\d+|no) examples?, (\d+|no) faults?$", first) and len(others) < 8
    wrong = ["more than a line"] if others and not listed else []
    wrong += ["a Python class"] if re.search(r"<class |typing\.|Literal\[|object at 0x", said) else []
    wrong += [f"{len(said)} characters"] if max(map(len, (first, *others))) > LONGEST else []
    wrong += ["says nothing"] if len(said) < 10 else []
    return " and ".join(wrong)


def template(said: str) -> str:
    """Take out of a sentence what is of its input alone; of a list of faults give the first."""
    said = next((line for line in said.split("\n")[1:2] if line.strip()), said)
    said = re.sub(r"'[^']*'|\"[^\"]*\"|\([^)]*\)|b'[^']*'", "_", said)
    said = re.sub(r"FOLDER\S*|[\w./-]*/[\w./-]+", "PATH", said)
    return re.sub(r"[^A-Za-z _]+", "#", said)[:80]


def _outside(root: Path) -> str:
    others = [path.name for path in root.iterdir() if path.name not in ("try", "here")] + os.listdir(root / "here")
    return f"wrote {others[0]} outside" if others else ""


def run(
    known: Format,
    times: int,
    seed: int | str,
    corpus: Path | None = None,
    *,
    last: Path | None = None,
    seen: Collection[str] = (),
) -> Tally:
    """Try a format in this process; inputs with a new outcome are kept and damaged further, below `corpus` for good.

    Each is written into the file `last` before it is read, for whoever looks why the process ended; `seen` are the
    outcomes that are not new.
    """
    chance, tally = random.Random(f"{seed} {known.name}"), Tally(known.name)
    inputs = list(known.seeds)
    kept = sorted(corpus.glob("*.input")) if corpus else []
    inputs += [path.read_bytes() for path in kept]
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "here").mkdir()
        os.chdir(root / "here")
        try:
            for data in known.seeds:
                outcome, wrong = outcome_of(known, data, root)
                assert (outcome, wrong) == ("read", ""), f"the sound {known.name} was not read: {wrong or outcome}"
            for _ in range(times):
                data = damaged(chance.choice(inputs), inputs, chance)
                if last:
                    last.write_bytes(data)
                outcome, wrong = outcome_of(known, data, root)
                if outcome not in tally.outcomes and outcome not in seen and len(data) <= LARGEST:
                    inputs.append(data)
                    tally.kept += 1
                    if corpus:
                        keep(corpus, data, wrong)
                tally.outcomes[outcome] += 1
                if wrong:
                    tally.failed += 1
                    if wrong not in tally.failures and len(tally.failures) < 20:
                        tally.failures.append(wrong)
        finally:
            os.chdir(before)
    return tally


def keep(corpus: Path, data: bytes, wrong: str) -> None:
    """Keep an input for later runs, one that showed a fault by another name as well."""
    corpus.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(data).hexdigest()[:16]
    (corpus / f"{name}.input").write_bytes(data)
    if wrong:
        (corpus / f"{name}.fault").write_text(wrong, encoding="utf-8", errors="replace")
