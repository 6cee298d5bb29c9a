"""Losses side by side: trained on the same data, seeds and schedule, and judged on the same sets."""

from .compare import compare
from .outcome import SELECTION, Outcome, Row
from .plan import Entry, Plan, read_entries, read_sweep
from .result import Comparison

__all__ = ["SELECTION", "Comparison", "Entry", "Outcome", "Plan", "Row", "compare", "read_entries", "read_sweep"]
