"""Thresholds with a guarantee: chosen on calibration pictures so that a measure of pictures to come is promised."""
