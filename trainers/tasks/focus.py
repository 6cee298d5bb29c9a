"""What `--focus` says: whether all pictures of a batch train alike, or the worst of them alone."""

from typing import Any

import keras

from ... import losses
from ..errors import UsageError
from ..text import cut
from ..training.config import RunConfig


def focused(loss: keras.losses.Loss, config: RunConfig, focus: str | None) -> keras.losses.Loss:
    """Give the loss of the worst pictures where the focus names a share; UsageError where it says something else."""
    if focus is None:
        return loss
    kind, _, share = focus.partition("=")
    try:
        if kind != "worst":
            raise ValueError
        value = float(share)
    except ValueError:
        raise UsageError(f"--focus takes worst=SHARE, such as worst=0.2, got {cut(focus)}") from None
    scope: dict[str, Any] = {"scope": config.loss_scope}
    try:
        return losses.WorstPictures(loss, value, **scope)
    except ValueError as error:
        reason = str(error).removeprefix("WorstPictures ")
        advice = " by --loss-options per_image=True, or leave --focus out" if "per_image" in reason else ""
        raise UsageError(f"--focus {cut(focus)}: {reason}{advice}") from error
