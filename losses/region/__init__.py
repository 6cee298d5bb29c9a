"""Losses of a picture or a class as a whole: F-measure, IoU and their surrogates."""
