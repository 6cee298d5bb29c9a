"""What papers report, as streaming metrics."""
