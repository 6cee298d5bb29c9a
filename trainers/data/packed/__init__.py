"""Packed data: examples in a few large files, read in any order, decoded by TensorFlow."""
