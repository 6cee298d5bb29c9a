"""Tests of the verbs that make something of data."""
