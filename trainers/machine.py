"""What this machine has to compute with, and what its libraries say when they are loaded."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from .errors import MetricfitError


def cores() -> int:
    """Cores that this process may use, at least 1."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def workers() -> int:
    """How many pictures are read or prepared at once."""
    return min(16, cores())


@contextlib.contextmanager
def held_back_stderr() -> Iterator[None]:
    """Hold back what TensorFlow's libraries print to stderr about the machine; an unexpected error lets it out."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
            if "tensorflow" in sys.modules:  # its first look for devices has something to say, too
                sys.modules["tensorflow"].config.list_physical_devices()
        except MetricfitError:
            raise
        except BaseException:
            held.seek(0)
            os.write(kept, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
