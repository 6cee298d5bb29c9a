"""The kinds of files that a model can become: one file each here, and one line in `registry`."""
