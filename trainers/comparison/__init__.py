"""Losses side by side: trained on the same data, seeds and schedule, and judged on the same sets.

`compare(task, plan)` does the trainings and evaluations, each once, and goes on where it was interrupted.
"""

from .compare import compare
from .outcome import SELECTION, Outcome, Row
from .plan import Entry, Plan, Sweep, read_entries, read_sweep
from .result import Comparison

__all__ = [
    "SELECTION",
    "Comparison",
    "Entry",
    "Outcome",
    "Plan",
    "Row",
    "Sweep",
    "compare",
    "read_entries",
    "read_sweep",
]
