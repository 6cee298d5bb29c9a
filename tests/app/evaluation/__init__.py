"""Evaluations of models on data."""
