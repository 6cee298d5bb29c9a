"""Tests of what is recognised below a folder."""
