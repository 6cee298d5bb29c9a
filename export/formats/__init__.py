"""The kinds of files that a model can become."""
