"""Break one line at a time in a copy of the tree, and see the nearest tests fail: `make mutants`.

The breaks stand in `mutants_list.py`. Exit status: 0 where every break was noticed, 1 where one survived, 2 where the
list does not fit the tree, or its tests fail without any break.
"""

import argparse
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutants_list import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 600
"""A break that keeps its tests running for longer was noticed: it hangs."""

KILLED, SURVIVED, BROKEN = "killed", "SURVIVED", "BROKEN"


@dataclass(frozen=True)
class Outcome:
    """What became of one break: `verdict`, after how many seconds, and what pytest said last."""

    mutant: Mutant
    verdict: str
    seconds: float
    said: str


def faults(mutants: Sequence[Mutant], root: Path = ROOT) -> list[str]:
    """Say what does not fit the tree, in one line each: old text that is not in its file just once, missing tests."""
    found = []
    for mutant in mutants:
        path = root / mutant.file
        count = path.read_text(encoding="utf-8").count(mutant.old) if path.is_file() else 0
        if count != 1:
            found.append(f"{mutant.file} holds {mutant.old!r} {count} times, expected once: mend tests/mutants_list.py")
        if mutant.old == mutant.new:
            found.append(f"{mutant.file}: {mutant.old!r} is not changed")
        found += [
            f"{mutant.file}: there is no {test}" for test in mutant.tests if not (root / test.split("::")[0]).exists()
        ]
    return found


class Copy:
    """A copy of the tree in which tests run; the package is found there under its name."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.tree = folder, folder / "tree"
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                (self.tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, self.tree / name)
        (folder / "metricfit").symlink_to(self.tree)

    def test(self, tests: Sequence[str]) -> tuple[int | None, str]:
        """Run tests; gives pytest's exit status, None where they hang, and its last line."""
        # Without bytecode: what is written twice within a second would be taken for the same.
        environment = os.environ | {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--durations=0", *tests]
        try:
            done = subprocess.run(
                command, cwd=self.tree, env=environment, capture_output=True, text=True, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            return None, f"longer than {SECONDS} s"
        return done.returncode, (done.stdout.strip() or done.stderr.strip() or "nothing").splitlines()[-1]

    def judge(self, mutant: Mutant) -> Outcome:
        """Apply a break, run its tests, and undo it."""
        path = self.tree / mutant.file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
        start = time.monotonic()
        try:
            status, said = self.test(mutant.tests)
        finally:
            path.write_text(text, encoding="utf-8")
        # 1: a test failed; 2: its file could not even be imported. Others say that no test was run.
        verdict = SURVIVED if status == 0 else KILLED if status in (1, 2, None) else BROKEN
        return Outcome(mutant, verdict, time.monotonic() - start, said)


def judge_all(mutants: Sequence[Mutant], jobs: int) -> list[Outcome]:
    """Judge all breaks, `jobs` at once, and say what became of each as soon as it is known."""
    waiting: queue.SimpleQueue[Mutant] = queue.SimpleQueue()
    for mutant in mutants:
        waiting.put(mutant)
    outcomes: list[Outcome] = []

    def work(folder: Path) -> None:
        copy = Copy(folder)
        while True:
            try:
                outcome = copy.judge(waiting.get_nowait())
            except queue.Empty:
                return
            outcomes.append(outcome)
            print(row(outcome), flush=True)

    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        workers = [threading.Thread(target=work, args=(Path(folder) / str(number),)) for number in range(jobs)]
        for number, worker in enumerate(workers):
            (Path(folder) / str(number)).mkdir()
            worker.start()
        for worker in workers:
            worker.join()
    return outcomes


def row(outcome: Outcome) -> str:
    """A line of the table."""
    mutant = outcome.mutant
    change = f"{' '.join(mutant.old.split())}  ->  {' '.join(mutant.new.split()) or 'nothing'}"
    line = f"{outcome.verdict:8}  {outcome.seconds:5.0f} s  {mutant.file}: {change}"
    return line if outcome.verdict == KILLED else f"{line}\n{'':19}{' '.join(mutant.tests)}: {outcome.said}"


def unbroken(mutants: Sequence[Mutant]) -> str:
    """Run the tests of all breaks on the tree as it is; gives what was said where they fail, and nothing else."""
    tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        status, said = Copy(Path(folder)).test(tests)
    return "" if status == 0 else said


def main() -> int:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", help="only breaks of files whose path holds one of these, such as losses/")
    parser.add_argument("--jobs", type=int, default=1, help="how many at once (default 1)")
    parser.add_argument("--check", action="store_true", help="only see whether the list fits the tree")
    parser.add_argument("--no-baseline", action="store_true", help="trust that the tests pass without any break")
    told = parser.parse_args()
    wrong = faults(MUTANTS)
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 2
    chosen = [mutant for mutant in MUTANTS if not told.part or any(part in mutant.file for part in told.part)]
    if told.check or not chosen:
        print(f"{len(chosen)} breaks, {len(MUTANTS)} in the list")
        return 0 if chosen else 2
    if not told.no_baseline and (said := unbroken(chosen)):
        print(f"the tests fail without any break: {said}", file=sys.stderr)
        return 2
    outcomes = judge_all(chosen, told.jobs)
    counts = Counter(outcome.verdict for outcome in outcomes)
    print(", ".join(f"{counts[verdict]} {verdict}" for verdict in (KILLED, SURVIVED, BROKEN)))
    return 2 if counts[BROKEN] else 1 if counts[SURVIVED] else 0


if __name__ == "__main__":
    sys.exit(main())
