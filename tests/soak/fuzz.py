"""Damages files of every kind that is read, and looks at the answers: `python -m tests.soak.fuzz --format card`.

An answer is sound where it is a result or an error of the program in one sentence, in time, and nothing was written
elsewhere. Inputs with an answer that is new are kept in the corpus and damaged further.
"""

import argparse
import importlib
import logging
import os
import sys
import time
from pathlib import Path

MODELS = ("keras", "saved_model", "tflite")


def main() -> int:
    """Run the program; gives 1 where an answer was not sound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, help="files of each format: by default 100000, of whole models 5000")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--format", default="", help="one kind, or several with commas between them; by default all")
    parser.add_argument("--corpus", type=Path, default=Path("build/fuzz"), help="folder of the inputs that are kept")
    options = parser.parse_args()
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    sys.stdout.reconfigure(errors="backslashreplace")
    from tests.fuzzing.apart import run_apart
    from tests.fuzzing.formats import COUNTS, OPENED
    from tests.fuzzing.tries import run

    # Imported and not used before the forks: what a process forks from must not have run TensorFlow.
    importlib.import_module("metricfit.export")
    importlib.import_module("metricfit.trainers.tasks.saliency")
    importlib.import_module("keras_cv")

    logging.getLogger("metricfit").setLevel(logging.CRITICAL)
    chosen = options.format.split(",") if options.format else list(OPENED)
    if unknown := set(chosen) - OPENED.keys():
        parser.error(f"unknown format {', '.join(sorted(unknown))}: choose from {', '.join(OPENED)}")
    tried = failed = 0
    # Those that are tried apart are made in the processes that try them: TensorFlow has not run where it is forked.
    for kind in chosen:
        times = options.times or (5000 if kind in MODELS else 100_000)
        for number in range(COUNTS.get(kind, 1)):
            began = time.monotonic()
            corpus = options.corpus.absolute() / f"{kind}-{number}"
            tally = run_apart(kind, number, times, options.seed, corpus, run)
            tried, failed = tried + tally.tried, failed + tally.failed
            print(
                f"{tally.name}: {tally.tried} files, {len(tally.outcomes)} answers, {tally.kept} inputs kept, "
                f"{tally.failed} failed, {time.monotonic() - began:.0f} s",
                flush=True,
            )
            for failure in tally.failures:
                print(f"    {failure[:500]}", flush=True)
    print(f"fuzz: tried {tried}, passed {tried - failed}, failed {failed}")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
