"""Losses side by side: trained on the same data, seeds and schedule, and judged on the same sets.

`compare(task, plan)` does the trainings and evaluations, each once, and goes on where it was interrupted.
"""

from .compare import Comparison, compare
from .outcome import SELECTION, Outcome, Row
from .plan import Entry, Plan, Sweep, read_entries, read_sweep
from .tasks import ComparedTask, get_compared

__all__ = [
    "SELECTION",
    "ComparedTask",
    "Comparison",
    "Entry",
    "Outcome",
    "Plan",
    "Row",
    "Sweep",
    "compare",
    "get_compared",
    "read_entries",
    "read_sweep",
]
