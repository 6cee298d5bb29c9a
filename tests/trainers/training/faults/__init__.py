"""Faults in the middle of a training, and damaged files of its folder."""
