"""Tries in processes of their own: a library that ends one is found out, with the file that it had."""

import faulthandler
import os
import pickle
import signal
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from .formats import formats_of
from .tries import Tally, keep

BATCH = 500  # files in one process


def run_apart(kind: str, number: int, times: int, seed: int, corpus: Path | None, run: Callable[..., Tally]) -> Tally:
    """Try the format `number` of a kind in one process after another; see `tries.run`."""
    whole, batch = Tally(f"{kind} {number}"), 0
    with tempfile.TemporaryDirectory() as name:
        told, last = Path(name) / "tally", Path(name) / "last"
        while whole.tried < times:
            count = min(BATCH, times - whole.tried)
            told.unlink(missing_ok=True)
            child = os.fork()
            if not child:
                code = 1
                faulthandler.disable()  # an end is seen by its status, nobody reads the stack
                try:
                    known = formats_of(kind)[number]
                    tally = run(
                        known,
                        count,
                        f"{seed} {batch}",
                        corpus,
                        last=last if known.apart else None,
                        seen=set(whole.outcomes),
                    )
                    told.write_bytes(pickle.dumps(tally))
                    code = 0
                except BaseException:
                    traceback.print_exc()
                finally:
                    os._exit(code)
            _, status = os.waitpid(child, 0)
            if told.is_file():
                tally = pickle.loads(told.read_bytes())
                whole.name = tally.name
                whole.outcomes.update(tally.outcomes)
                whole.failures += [failure for failure in tally.failures if failure not in whole.failures][:20]
                whole.failed += tally.failed
                whole.kept += tally.kept
            elif os.WIFEXITED(status) and not last.is_file():
                raise SystemExit(f"{kind} {number} could not be tried, see above")
            else:
                how = f"signal {signal.Signals(os.WTERMSIG(status)).name}" if os.WIFSIGNALED(status) else "exit"
                if corpus and last.is_file():
                    keep(corpus, last.read_bytes(), f"the process was ended by {how}")
                whole.outcomes[f"ended by {how}"] += 1
                whole.failed += 1
                whole.failures.append(f"the process was ended by {how}")
            batch += 1
    return whole
