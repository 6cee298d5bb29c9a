"""Boxes as annotation tools write them: a reader for each format, and one source for all of them."""
