"""What several processes decide alike at the end of a step: whether the training ends, and whether its state is due."""

import signal

from ...stopping import ASKS_TO_END, StopRequest
from ..faults.guarded_step import GuardedStep
from .exchange import ALONE, Exchange

_SIGNALS = (signal.SIGINT, *ASKS_TO_END)


class Agreement:
    """One process decides by itself; several hand their wishes over within the step, and find the same at its end.

    A signal that comes in the midst of a step is heard by the others in the next one.

    Args:
        request: tells whether this process is asked to end.
        exchange: tells who else there is.
        step: carries the wishes of several processes.
    """

    def __init__(
        self, request: StopRequest | None = None, exchange: Exchange = ALONE, step: GuardedStep | None = None
    ) -> None:
        self.request, self.exchange, self.step = request or StopRequest(), exchange, step
        self._number: int | None = None
        self._due = False

    @property
    def several(self) -> bool:
        """Whether there are other processes, without whom nothing may end."""
        return self.exchange.workers > 1

    @property
    def number(self) -> int | None:
        """The signal by which the training is to end; None where it is not."""
        return self._number if self.several else self.request.number

    def before_step(self, due: bool) -> None:
        """Hand over what this process wishes; whether the state is due is the chief's to say."""
        if self.several and self.step is not None:
            asked = [float(self.request.number == number) for number in _SIGNALS]
            self.step.wish([*asked, float(due and self.exchange.is_chief)])

    def after_step(self, due: bool) -> bool:
        """Hear what all wish; tells whether the state is due, `due` where one process decides."""
        if not self.several or self.step is None:
            return due
        *asked, state = self.step.wished()
        self._note([number for number, wish in zip(_SIGNALS, asked, strict=True) if wish])
        return state > 0

    def between_epochs(self) -> None:
        """Hear what all wish, outside of any step."""
        if self.several:
            self._note([number for number in self.exchange.all(self.request.number) if number is not None])

    def leave_if_agreed(self) -> None:
        """End the training where it is to end, by the signal that one of the processes got."""
        if self.number is not None:
            self.request.number = self.number
            self.request.leave_if_asked()

    def _note(self, numbers: list[int]) -> None:
        if numbers and self._number is None:
            self._number = max(numbers)


WISHES = len(_SIGNALS) + 1
"""How many numbers a step carries for several processes."""
