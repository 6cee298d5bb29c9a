"""Evaluation and prediction on many workers."""
