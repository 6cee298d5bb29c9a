"""Layouts of data that are recognised by themselves; `registry.py` says how to add one."""
