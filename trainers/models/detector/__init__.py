"""Detectors: pyramid, references, assignment, loss, and decoding."""
