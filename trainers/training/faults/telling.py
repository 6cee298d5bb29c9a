"""What TensorFlow's own files fail with, in one sentence of ours."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from ...errors import MetricfitError, first_line
from ...text import cut

_GONE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,  # where it was started again
)


@contextlib.contextmanager
def telling_of_files(folder: Path) -> Iterator[None]:
    """Turn TensorFlow's errors about files in a folder, as TensorBoard's on a full disk, into a `MetricfitError`."""
    try:
        yield
    except tf.errors.OpError as error:
        said = str(error).strip().partition("\n")[0]
        if str(folder) not in said:
            raise
        # {{the node}} the file; why [Op:the operation]
        reason = cut(re.sub(r"^\{\{.*?\}\} | \[Op:.*$", "", said).rpartition("; ")[2], 200)
        raise MetricfitError(f"cannot write {folder} ({reason}): check the folder and the space left") from error


@contextlib.contextmanager
def telling_of_workers() -> Iterator[None]:
    """Turn what TensorFlow says of another process that is gone into a `MetricfitError`."""
    try:
        yield
    except _GONE as error:
        if isinstance(error, tf.errors.FailedPreconditionError) and "incarnation" not in str(error):
            raise
        # Above it stands which operation of which graph it was.
        found = re.search(r"ops is aborted by: (.+)", str(error))
        why = cut(found[1] if found else first_line(error), 100)
        raise MetricfitError(
            f"another worker of this training is gone ({why}): start all of them again with the same command, which "
            "goes on from the last checkpoint"
        ) from error
