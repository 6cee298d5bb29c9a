"""Data written in a layout that others and this program read."""
