"""Tests of the readers of what annotation tools write."""
